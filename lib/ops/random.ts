/**
 * Random tensors made on the device, uniform and normal.
 *
 * Element i depends only on (seed, step, stream, i): its words are Philox's for key [seed, stream]
 * and counter [index >> 2, 0, step, 0], so that at step 0 the numbers are those of `Random(seed,
 * stream)` in lib/random.ts. Seed and step are a tensor, the state, so that a replayed program
 * draws new numbers when the step is written or advanced; the stream distinguishes the draws of a
 * step.
 *
 * @module
 */
import { random as cpu } from "../../kernels/cpu/random.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { describe } from "../errors.ts";
import { expectSeed } from "../random.ts";
import { formatShape, type Shape } from "../shape.ts";
import { launch } from "../tensor/launch.ts";
import { empty, Tensor } from "../tensor/tensor.ts";

const KERNEL: Kernel = {
  name: "random",
  reads: { state: "u32" },
  writes: { y: "f32" },
  scalars: { count: "u32", stream: "u32" },
  webgpu: {
    code: wgsl("random"),
    threads: ({ count }, { NORMAL }) => count / (NORMAL ? 2 : 4),
  },
  cpu,
};

/** Throws unless `state` is a random state and `stream` a number of one. */
export function expectRandomState(
  operation: string,
  state: Tensor | undefined,
  stream: number,
): asserts state is Tensor {
  const fits = state instanceof Tensor && state.dtype === "i32" && state.shape.length === 1 &&
    state.size >= 2;
  if (!fits) {
    throw new TypeError(
      `${operation}: expected a state i32 [2] = [seed, step], got ${describe(state)}; ` +
        "make one with tensor(Int32Array.of(seed, 0))",
    );
  }
  expectSeed(operation, stream, "stream");
}

/**
 * Numbers uniform in [0, 1), multiples of 2⁻²⁴, the same bits on every device: f32 of `shape`, from
 * the state i32 [2] = [seed, step].
 *
 * ```ts
 * import { openDevice, randomUniform, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const state = tensor(new Int32Array([1337, 0]));
 * // the first three numbers of new Random(1337).uniform()
 * console.log(await randomUniform([3], state).data());
 * device.close();
 * ```
 *
 * @throws {TypeError} for another state
 * @throws {RangeError} for a stream that is no integer in [0, 2^32)
 */
export function randomUniform(shape: Shape, state: Tensor, stream = 0): Tensor {
  return draw("randomUniform", shape, state, stream, 0);
}

/**
 * Numbers from N(0, 1) by Box–Muller: f32 of `shape`, from the state i32 [2] = [seed, step].
 * Devices agree to 10⁻⁵.
 *
 * ```ts
 * import { openDevice, randomNormal, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const state = tensor(Int32Array.of(1337, 0));
 * console.log(`${randomNormal([2, 3], state)}`); // f32 [2,3], the same numbers at each call
 * device.close();
 * ```
 *
 * @throws {TypeError} for another state
 * @throws {RangeError} for a stream that is no integer in [0, 2^32)
 */
export function randomNormal(shape: Shape, state: Tensor, stream = 0): Tensor {
  return draw("randomNormal", shape, state, stream, 1);
}

function draw(
  operation: string,
  shape: Shape,
  state: Tensor,
  stream: number,
  NORMAL: number,
): Tensor {
  expectRandomState(operation, state, stream);
  const y = empty(shape, { device: state.device });
  if (y.size > 2 ** 31) throw new RangeError(`${operation}: ${formatShape(shape)} is too large`);
  launch(KERNEL, { state, y }, { count: y.size, stream }, { NORMAL });
  return y;
}
