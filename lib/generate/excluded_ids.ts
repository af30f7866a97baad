/**
 * Ids that are never sampled: embedding tables are often padded beyond the vocabulary, and some
 * tokenizer files have gaps.
 *
 * @module
 */
import type { Tokenizer } from "../text/tokenizer.ts";
import type { Endings } from "./continuation.ts";

/** The ids without a token, by tokenizer, for the last vocabulary size requested. */
const known = new WeakMap<Tokenizer, { vocabSize: number; ids: readonly number[] }>();

/**
 * The ids in [0, vocabSize) that are no token of `tokenizer`, in ascending order, except those that
 * end a text; none without a tokenizer.
 */
export function excludedIds(
  vocabSize: number,
  tokenizer: Tokenizer | undefined,
  { ends, stopTokens }: Endings,
): readonly number[] {
  if (!tokenizer) return [];
  const ids = idsWithoutToken(vocabSize, tokenizer);
  const named = new Set([...ends, ...stopTokens.flat()]);
  return ids.some((id) => named.has(id)) ? ids.filter((id) => !named.has(id)) : ids;
}

function idsWithoutToken(vocabSize: number, tokenizer: Tokenizer): readonly number[] {
  const last = known.get(tokenizer);
  if (last?.vocabSize === vocabSize) return last.ids;
  const ids: number[] = [];
  for (let id = 0; id < vocabSize; id++) {
    if (id >= tokenizer.vocabSize || tokenizer.token(id) === "") ids.push(id);
  }
  known.set(tokenizer, { vocabSize, ids });
  return ids;
}

/** f32 [V] to be added to logits: −∞ for the excluded ids, otherwise 0. */
export function exclusionMask(vocabSize: number, excluded: readonly number[]): Float32Array {
  const mask = new Float32Array(vocabSize);
  for (const id of excluded) mask[id] = -Infinity;
  return mask;
}
