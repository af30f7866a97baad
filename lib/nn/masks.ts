/**
 * Attention masks: 1 if a query may see a key, 0 if not.
 *
 * Multiply masks to intersect them. `scaledDotProductAttention` applies them; the fused attention
 * of models stores none.
 *
 * @module
 */
import { type Tensor, tensor } from "../tensor/tensor.ts";

/**
 * mask[i,j] = 1 if j ≤ i, otherwise 0: f32 [T,T], a token sees itself and those before it.
 *
 * ```ts
 * import { causalMask, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * console.log(await causalMask(3).data()); // [1, 0, 0, 1, 1, 0, 1, 1, 1]
 * device.close();
 * ```
 *
 * @throws {RangeError} unless T is a whole number ≥ 1
 */
export function causalMask(time: number): Tensor {
  expectTime("causalMask", time);
  const values = new Float32Array(time * time);
  for (let i = 0; i < time; i++) values.fill(1, i * time, i * time + i + 1);
  return tensor(values, { shape: [time, time] });
}

/**
 * mask[b,0,j] = 1 if j < lengths[b], otherwise 0: f32 [B,1,T], every query sees a sequence's tokens
 * and not its padding.
 *
 * For scores with heads, [B,H,Tq,T], take its `view([B, 1, 1, T])`.
 *
 * ```ts
 * import { causalMask, mul, openDevice, paddingMask } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * console.log(await paddingMask([1, 3], 3).data()); // [1, 0, 0, 1, 1, 1]
 * console.log(`${mul(causalMask(3), paddingMask([1, 3], 3))}`); // f32 [2,3,3]
 * device.close();
 * ```
 *
 * @throws {RangeError} for a length outside 0..T, or unless T is a whole number ≥ 1
 */
export function paddingMask(lengths: ArrayLike<number>, time: number): Tensor {
  expectTime("paddingMask", time);
  const values = new Float32Array(lengths.length * time);
  for (let b = 0; b < lengths.length; b++) {
    const length = lengths[b];
    if (!Number.isInteger(length) || length < 0 || length > time) {
      throw new RangeError(
        `paddingMask: expected lengths from 0 to ${time}, got ${length} for sequence ${b}`,
      );
    }
    values.fill(1, b * time, b * time + length);
  }
  return tensor(values, { shape: [lengths.length, 1, time] });
}

function expectTime(operation: string, time: number): void {
  if (!Number.isInteger(time) || time < 1) {
    throw new RangeError(`${operation}: expected a whole number of tokens from 1 on, got ${time}`);
  }
}
