/**
 * Recomputation of activations: a part of a function is computed a second time in the derivative
 * instead of keeping its intermediate values (gradient checkpointing).
 *
 * Saved runs, which are called checkpoints, are in lib/train/checkpoint.ts.
 *
 * @module
 */
import { backpropagate, differentiable, isTracked, withoutTape } from "./autograd.ts";
import { expectFunction, expectTensor } from "./launch.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Runs f and keeps only its result: the derivative runs f again, which takes less memory and more
 * time.
 *
 * `inputs` are all the tensors that gradients flow to from f. Its second run must compute what the
 * first did, so random numbers must use the same state and streams; then values and gradients have
 * the same bits as without. Source: Chen et al., arXiv 1604.06174.
 *
 * ```ts
 * import { exp, mul, openDevice, recompute, sum, tensor, valueAndGrad } from "../../mod.ts";
 * import type { Tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const f = (x: Tensor) => sum(recompute(() => mul(exp(x), exp(x)), [x]));
 * console.log(await valueAndGrad(f, [tensor([0, 1])]).gradients[0].data()); // [2, 14.77…]
 * device.close();
 * ```
 */
export function recompute(f: () => Tensor, inputs: readonly Tensor[]): Tensor {
  expectFunction("recompute", f);
  for (const input of inputs) expectTensor("recompute", input);
  const tracked = inputs.filter(isTracked);
  if (tracked.length === 0) return f();
  const output = withoutTape(f);
  return differentiable(
    output,
    tracked,
    (gradient) => backpropagate(f, tracked, () => gradient).gradients,
  );
}
