/**
 * A sequence as one vector: that of its first token, or the mean of all its tokens.
 *
 * @module
 */
import { attention } from "../ops/attention.ts";
import { reshape } from "../ops/reshape.ts";
import { slice } from "../ops/slice.ts";
import { checkOptions } from "../options.ts";
import { expectValue, oneOf } from "../rules.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";

/** The vector of a sequence: that of its first token, or the mean of all. */
export type Pooling = "cls" | "mean";

/** The names of the ways of pooling. */
export const POOLINGS: readonly Pooling[] = ["cls", "mean"];

/** Options of `pool`. */
export interface PoolOptions {
  /** Default: `"cls"`. */
  pooling?: Pooling;
  /** i32 [B]: the mean of sequence b is over its first lengths[b] tokens. Default: over all. */
  lengths?: Tensor;
}

/** The maximum size of the heads that `mean` divides a vector into. */
const MAX_HEAD = 128;

/**
 * x[:, 0], or Σₜ x[:, t] / length with `pooling: "mean"`: f32 [B,T,C] → [B,C].
 *
 * ```ts
 * import { openDevice, pool, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const [x, lengths] = [tensor([[[1, 2], [3, 4], [9, 9]]]), tensor(new Int32Array([2]))];
 * console.log(await pool(x, { pooling: "mean", lengths }).data()); // [2, 3]
 * device.close();
 * ```
 *
 * @throws {RangeError} if there is no such pooling
 */
export function pool(x: Tensor, options: PoolOptions = {}): Tensor {
  checkOptions("pool", options, { pooling: true, lengths: true });
  const { pooling = "cls", lengths } = options;
  expectPooling("pool", pooling);
  const [batch, , width] = x.shape;
  if (pooling === "cls") return reshape(slice(x, { axis: 1, end: 1 }), [batch, width]);
  // A query of zeros weighs every visible key equally.
  const query = zeros([batch, 1, width], { device: x.device });
  let heads = Math.ceil(width / MAX_HEAD);
  while (width % heads !== 0) heads++;
  return reshape(attention(query, x, x, { heads, keyLengths: lengths }), [batch, width]);
}

/** Throws a RangeError unless `pooling` is one of `POOLINGS`. */
export function expectPooling(operation: string, pooling: Pooling): void {
  expectValue(`${operation}: pooling`, oneOf(POOLINGS), pooling);
}
