/**
 * Fixed positions: the sinusoidal table.
 *
 * Learned positions are an `Embedding`, rotary ones an operation (lib/ops/rotary.ts).
 *
 * @module
 */
import { type Tensor, tensor } from "../tensor/tensor.ts";
import { expectWholeNumber } from "./config_checks.ts";

/**
 * The table [T, C] with sin(t / 10000^(i/C)) in even columns i and cos of the same angle in the
 * column after each. Source: Vaswani et al., arXiv 1706.03762, section 3.5.
 *
 * ```ts
 * import { openDevice, sinusoidalPositions } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * console.log(await sinusoidalPositions(2, 4).data()); // [0, 1, 0, 1, 0.84, 0.54, 0.01, 1]
 * device.close();
 * ```
 *
 * @throws {RangeError} for an odd C, or unless T and C are whole numbers from 1
 */
export function sinusoidalPositions(time: number, width: number): Tensor {
  expectWholeNumber("time", time, "sinusoidalPositions");
  expectWholeNumber("width", width, "sinusoidalPositions");
  if (width % 2 !== 0) {
    throw new RangeError(`sinusoidalPositions: the width must be even, got ${width}`);
  }
  const values = new Float32Array(time * width);
  for (let t = 0; t < time; t++) {
    for (let i = 0; i < width; i += 2) {
      const angle = t / 10000 ** (i / width);
      values[t * width + i] = Math.sin(angle);
      values[t * width + i + 1] = Math.cos(angle);
    }
  }
  return tensor(values, { shape: [time, width] });
}
