/**
 * Takes white space out of the offsets of tokens, as the post-processors `ByteLevel` and
 * `RobertaProcessing` with `trim_offsets` do.
 *
 * @module
 */

import type { TokenOffsets } from "./encode_batch.ts";

/** White space as GPT-2's alphabet of bytes and as text. */
const AT_START = /^[\u0120\p{White_Space}]+/u, AT_END = /[\u0120\p{White_Space}]+$/u;

/** The numbers of white space at the start and at the end of a token. */
export function blanksOf(token: string): readonly [before: number, after: number] {
  return [AT_START.exec(token)?.[0].length ?? 0, AT_END.exec(token)?.[0].length ?? 0];
}

/**
 * The offsets without the white space of their tokens. With `addsSpace` the single space of the
 * first token is one that was added to the text.
 */
export function trimmedOffsets(
  { ids, offsets, blanks = new Uint32Array(offsets.length) }: TokenOffsets,
  { addsSpace }: { addsSpace: boolean },
): TokenOffsets {
  const trimmed = offsets.slice();
  for (let i = 0; i < offsets.length; i += 2) {
    const [start, end] = [offsets[i], offsets[i + 1]];
    const after = blanks[i + 1];
    const wasAdded = blanks[i] === 1 && addsSpace && (i === 0 || start === 0);
    trimmed[i] = Math.min(start + (wasAdded ? 0 : blanks[i]), end);
    if (after > 0 && end >= after) trimmed[i + 1] = Math.max(end - after, trimmed[i]);
  }
  return { ids, offsets: trimmed };
}
