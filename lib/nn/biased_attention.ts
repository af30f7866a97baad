/**
 * Attention with a bias on its scores, such as T5's, which stores the T×S scores.
 *
 * Without a bias lib/ops/attention.ts (flash attention) stores none.
 *
 * @module
 */
import type { KeyValueCache } from "../ops/attention_decode.ts";
import type { AttentionMask } from "../ops/attention_layout.ts";
import { add, mul } from "../ops/binary.ts";
import { matmul } from "../ops/matmul.ts";
import { reshape } from "../ops/reshape.ts";
import { softmax } from "../ops/softmax.ts";
import { transpose } from "../ops/transpose.ts";
import { where } from "../ops/where.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { split, visibleKeys } from "./open_attention.ts";

/** Options of `biasedAttention`. */
export interface BiasedAttentionOptions extends AttentionMask {
  /** H, query heads, of which keys and values have as many. */
  heads: number;
  /** f32, broadcasts to [B,H,T,S]. */
  bias: Tensor;
  /** Applied to the probabilities, such as dropout. Default: none. */
  dropout?: (weights: Tensor) => Tensor;
}

/**
 * dropout(softmax(scale·Q·Kᵀ + bias))·V for each head: q [B,T,H·D] and k, v [B,S,H·D] → [B,T,H·D].
 * A query that sees no key gets zeros.
 */
export function biasedAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: BiasedAttentionOptions,
): Tensor {
  const { heads, dropout = (weights) => weights } = options;
  const weights = dropout(biasedWeights(q, k, options));
  const output = matmul(weights, split(v, heads));
  return reshape(transpose(output, [0, 2, 1, 3]), q.shape);
}

/**
 * softmax(scale·q·Kᵀ + bias)·V of one new token for each head: q [B,1,H·D] and a cache that holds
 * its key and value → [B,1,H·D]. The bias, [B,H,1,S], is −∞ where the cache holds none yet.
 */
export function biasedDecode(
  q: Tensor,
  { keys, values }: KeyValueCache,
  { heads, bias, scale = Math.sqrt(heads / q.shape[2]) }: BiasedAttentionOptions,
): Tensor {
  const product = matmul(split(q, heads), keys, { transposeB: true });
  const scores = add(scale === 1 ? product : mul(product, scale), bias);
  return reshape(matmul(softmax(scores), values), q.shape);
}

/** The probabilities before dropout, [B,H,T,S]. Gradients flow. */
export function biasedWeights(
  q: Tensor,
  k: Tensor,
  { heads, bias, scale = Math.sqrt(heads / q.shape[2]), ...mask }: BiasedAttentionOptions,
): Tensor {
  const product = matmul(split(q, heads), split(k, heads), { transposeB: true });
  const scores = add(scale === 1 ? product : mul(product, scale), bias);
  return softmax(where(visibleKeys(q, k, mask), scores, -Infinity));
}
