/**
 * Σ x² of all elements, for the global norm of gradients.
 *
 * @module
 */
import { differentiable } from "../tensor/autograd.ts";
import { mul } from "./binary.ts";
import { expectType } from "../tensor/launch.ts";
import { reduceRun } from "./reduce_run.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * Σ x² over all elements, f32 of any shape; the result is [1]. Summed in f32 in two fixed stages,
 * so that the result is the same for any number of threads.
 */
export function sumOfSquares(x: Tensor): Tensor {
  expectType("sumOfSquares", x, "f32");
  const y = reduceRun("sumOfSquares", x, { outer: 1, length: x.size, inner: 1 }).view([1]);
  return differentiable(y, [x], (dy) => [mul(mul(dy, 2), x)]);
}
