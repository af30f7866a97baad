/**
 * Dropout, whose mask is computed again in the derivative instead of being stored.
 * Dropout of attention's probabilities is in attention_dropout.ts.
 *
 * @module
 */
import { dropout as cpu } from "../../kernels/cpu/dropout.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { differentiable } from "../tensor/autograd.ts";
import { expectType, launch } from "../tensor/launch.ts";
import { expectRandomState } from "./random.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

const KERNEL: Kernel = {
  name: "dropout",
  reads: { x: "f32", state: "u32" },
  writes: { y: "f32" },
  scalars: { count: "u32", stream: "u32", rate: "f32", scale: "f32" },
  webgpu: { code: wgsl("dropout"), threads: ({ count }) => count / 4 },
  cpu,
};

/** Throws a RangeError unless `rate` is in [0, 1). */
export function expectDropoutRate(operation: string, rate: number): void {
  if (rate >= 0 && rate < 1) return;
  throw new RangeError(`${operation}: the rate of dropout must be in [0, 1), got ${rate}`);
}

/**
 * x[i]/(1 − rate) with chance 1 − rate, otherwise 0: x f32 of any shape, state i32 [2] = [seed,
 * step].
 *
 * Element i is kept if the i-th number of `randomUniform(x.shape, state, stream)` is at least
 * `rate`; use a separate stream for each dropout of a step. The step must not change between the
 * operation and its derivative. A rate of 0 gives x itself. Source: Srivastava et al., JMLR 15,
 * 2014.
 *
 * ```ts
 * import { dropout, ones, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const state = tensor(new Int32Array([1338, 0]));
 * console.log(await dropout(ones([6]), 0.5, state).data()); // zeros and twos
 * device.close();
 * ```
 *
 * @throws {RangeError} for a rate outside [0, 1)
 * @throws {TypeError} for another state
 */
export function dropout(x: Tensor, rate: number, state: Tensor, stream = 0): Tensor {
  expectType("dropout", x, "f32");
  expectRandomState("dropout", state, stream);
  expectDropoutRate("dropout", rate);
  if (rate === 0) return x;
  const mask = (values: Tensor) => {
    const y = empty(x.shape, { device: x.device });
    launch(KERNEL, { x: values, state, y }, { count: x.size, stream, rate, scale: 1 / (1 - rate) });
    return y;
  };
  return differentiable(mask(x), [x], (dy) => [mask(dy)]);
}
