/**
 * Learned vectors that a language model reads before every text: a prefix of keys and values for
 * each layer, or a prompt of embeddings.
 *
 * `GPT` holds them; see lib/adapt for making, training, saving and loading them.
 *
 * B batch, T time, P virtual tokens, C width, L layers, n the width of a layer's keys.
 *
 * @module
 */
import type { KeyValueCache } from "../ops/attention_decode.ts";
import { concatenate } from "../ops/concatenate.ts";
import { embedding } from "../ops/embedding.ts";
import { gather } from "../ops/gather.ts";
import { reshape } from "../ops/reshape.ts";
import { slice } from "../ops/slice.ts";
import { transpose } from "../ops/transpose.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";

/** P vectors before every text. */
export interface VirtualTokens {
  /** Keys and values of each layer (prefix tuning), or embeddings (prompt tuning). */
  readonly kind: "prefix" | "prompt";
  /** P. */
  readonly count: number;
  /**
   * A prefix is [P, 2·L·n], the columns key₀, value₀, key₁, …; a prompt is [P, C]. In PEFT's
   * layout.
   */
  readonly values: Tensor;
}

/** The same rows for each of `batch` texts: [P, N] → [batch, P, N]. */
export function forEachText({ values, count }: VirtualTokens, batch: number): Tensor {
  return embedding(values, rowNumbers(batch, count, values));
}

/** i32 [batch, count], each row 0 … count − 1. */
export function rowNumbers(batch: number, count: number, { device }: Tensor): Tensor {
  const rows = Int32Array.from({ length: batch * count }, (_, i) => i % count);
  return tensor(rows, { shape: [batch, count], device });
}

/** The keys and values of layer number `layer`: [B, P, 2·L·n] → [B, P, 2·n]. */
export function ofLayer(prefix: Tensor, layer: number, layers: number): Tensor {
  const size = prefix.shape[2] / layers;
  return slice(prefix, { axis: 2, start: layer * size, end: (layer + 1) * size });
}

/** The positions, i32 [1] or [B], moved behind `count` virtual tokens; at most `most`. */
export function behind(position: Tensor, count: number, most: number): Tensor {
  const moved = Int32Array.from({ length: most + 1 }, (_, i) => i + count);
  return gather(tensor(moved, { device: position.device }), position);
}

/** The keys and values of the virtual tokens that a cache begins with: [B, P, 2·n]. */
export function cachedPrefix(
  { keys, values, virtualTokens: count = 0 }: KeyValueCache & { readonly virtualTokens?: number },
): Tensor {
  const parts = [keys, values].map((table) => {
    const [batch, heads, , size] = table.shape;
    const rows = slice(table, { axis: 2, end: count });
    return reshape(transpose(rows, [0, 2, 1, 3]), [batch, count, heads * size]);
  });
  return concatenate(parts, { axis: 2 });
}
