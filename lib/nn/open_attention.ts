/**
 * Attention step by step, for passes in which a hook is at its scores or its pattern.
 *
 * Its values are those of the fused operations in lib/ops/attention.ts to rounding. Every step is
 * differentiable.
 *
 * B batch, T time of the queries, S of the keys, H query heads, Hkv key and value heads, D head
 * size.
 *
 * @module
 */
import type { AttentionMask } from "../ops/attention_layout.ts";
import { attentionWeights } from "../ops/attention_weights.ts";
import { add, mul } from "../ops/binary.ts";
import { embedding } from "../ops/embedding.ts";
import { matmul } from "../ops/matmul.ts";
import { reshape } from "../ops/reshape.ts";
import { softmax } from "../ops/softmax.ts";
import { transpose } from "../ops/transpose.ts";
import { tanh } from "../ops/unary.ts";
import { where } from "../ops/where.ts";
import { type Tensor, tensor, zeros } from "../tensor/tensor.ts";
import type { Points } from "./points.ts";

/** Options of `openAttention`. */
export interface OpenAttentionOptions extends AttentionMask {
  /** H. */
  heads: number;
  /** Hkv. Default: H. */
  keyValueHeads?: number;
  /** Factor of the scores. */
  scale: number;
  /** Hide the keys before firstKeys[b,i] from query i of batch b: i32 [B,T]. Default: none. */
  firstKeys?: Tensor;
  /** f32, added to the scores; broadcasts to [B,H,T,S]. Default: none. */
  bias?: Tensor;
  /** Applied to the pattern. */
  dropout: (pattern: Tensor) => Tensor;
  /** Receives the pattern before dropout. Default: none. */
  weights?: Tensor[];
}

/** The points that the fused operations do not have. */
export const OPEN_POINTS = ["hook_attn_scores", "hook_pattern"] as const;

/**
 * dropout(softmax(scale·Q·Kᵀ))·V for each head: q [B,T,H·D] and k, v [B,S,Hkv·D] → [B,T,H·D].
 *
 * The points are `hook_attn_scores` [B,H,T,S], −∞ at hidden keys, and `hook_pattern` [B,H,T,S],
 * whose rows sum to 1, before dropout.
 */
export function openAttention(
  points: Points,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: OpenAttentionOptions,
): Tensor {
  const { heads, keyValueHeads = heads, dropout, weights } = options;
  const group = heads / keyValueHeads;
  const [keys, values] = [k, v].map((x) => repeated(split(x, keyValueHeads), group));
  const product = matmul(split(q, heads), keys, { transposeB: true });
  const scores = points.visit("hook_attn_scores", adjusted(product, q, k, options));
  const pattern = points.visit("hook_pattern", softmax(scores));
  weights?.push(pattern);
  const mixed = matmul(dropout(pattern), values);
  return reshape(transpose(mixed, [0, 2, 1, 3]), q.shape);
}

/** Scaled, biased and masked scores. */
function adjusted(product: Tensor, q: Tensor, k: Tensor, options: OpenAttentionOptions): Tensor {
  const { heads, scale, softCap: cap, alibi, bias, causal, window, keyLengths } = options;
  const { firstKeys } = options;
  const scaled = mul(product, scale);
  const capped = cap === undefined ? scaled : mul(tanh(mul(scaled, 1 / cap)), cap);
  const biased = bias ? add(capped, bias) : capped;
  const [, , queries, keys] = product.shape;
  const placed = alibi ? add(biased, alibiBias(heads, queries, keys, q)) : biased;
  if (!causal && window === undefined && !keyLengths && !firstKeys) return placed;
  const visible = visibleKeys(q, k, { causal, window, keyLengths });
  const own = firstKeys ? mul(visible, keysFrom(firstKeys, keys)) : visible;
  return where(own, placed, -Infinity);
}

/** 1 for keys from each query's first one on: i32 [B,T] → [B,1,T,S]. */
function keysFrom(firstKeys: Tensor, keys: number): Tensor {
  const rows = Float32Array.from(
    { length: keys * keys },
    (_, i) => i % keys >= Math.floor(i / keys) ? 1 : 0,
  );
  const table = tensor(rows, { shape: [keys, keys], device: firstKeys.device });
  const [batch, queries] = firstKeys.shape;
  return embedding(table, firstKeys).view([batch, 1, queries, keys]);
}

/** slope·(key − query) for each head, [1,H,T,S]. Source: Press et al., arXiv 2108.12409. */
function alibiBias(heads: number, queries: number, keys: number, { device }: Tensor): Tensor {
  const even = 2 ** Math.floor(Math.log2(heads));
  const slope = (head: number) =>
    2 ** (head < even ? -8 * (head + 1) / even : -4 * (2 * (head - even) + 1) / even);
  const values = Float32Array.from({ length: heads * queries * keys }, (_, i) => {
    const [key, query] = [i % keys, Math.floor(i / keys) % queries];
    return slope(Math.floor(i / (keys * queries))) * (key - (query + keys - queries));
  });
  return tensor(values, { shape: [1, heads, queries, keys], device });
}

/** [B,T,heads·D] → [B,heads,T,D]. */
export function split(x: Tensor, heads: number): Tensor {
  const [batch, time, width] = x.shape;
  return transpose(reshape(x, [batch, time, heads, width / heads]), [0, 2, 1, 3]);
}

/** Each head `group` times: [B,Hkv,S,D] → [B,Hkv·group,S,D]. */
function repeated(x: Tensor, group: number): Tensor {
  if (group === 1) return x;
  const [batch, heads, time, size] = x.shape;
  const copies = zeros([batch, heads, group, time, size], { device: x.device });
  const all = add(reshape(x, [batch, heads, 1, time, size]), copies);
  return reshape(all, [batch, heads * group, time, size]);
}

/** [B,1,T,S], above 0 if a query sees a key: the weights of queries and keys that are all 0. */
export function visibleKeys(
  q: Tensor,
  k: Tensor,
  { causal, window, keyLengths }: AttentionMask,
): Tensor {
  const nothing = ({ shape: [batch, time], device }: Tensor) => zeros([batch, time, 1], { device });
  return attentionWeights(nothing(q), nothing(k), { heads: 1, causal, window, keyLengths });
}
