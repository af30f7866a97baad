/**
 * Cutting texts to a number of tokens: how much of each text of a pair is kept, and the windows of
 * a text that is cut into several rows. The rules are those of the library `tokenizers`.
 *
 * @module
 */

/** Which text of a pair is cut: the longer one first, or only one of them. */
export type TruncationStrategy = "longest_first" | "only_first" | "only_second";

/** The part of a text that a row holds: tokens `start` to `end` − 1. */
export type Window = readonly [start: number, end: number];

/**
 * The lengths that `first` and `second` tokens are cut to, so that both have at most `limit`.
 *
 * @throws {RangeError} if the text to cut is too short for that
 */
export function keptLengths(
  first: number,
  second: number,
  { limit, strategy }: { limit: number; strategy: TruncationStrategy },
): [first: number, second: number] {
  const excess = first + second - limit;
  if (excess <= 0) return [first, second];
  if (strategy === "longest_first") return limit === 0 ? [0, 0] : halved(first, second, limit);
  const cut = strategy === "only_first" ? first : second;
  if (cut <= excess) {
    throw new RangeError(
      `encodeBatch: ${strategy} cannot cut ${excess} of ${cut} tokens; use longest_first`,
    );
  }
  return strategy === "only_first" ? [first - excess, second] : [first, second - excess];
}

/** The shorter text is kept whole if it takes at most half; otherwise both are cut. */
function halved(first: number, second: number, limit: number): [first: number, second: number] {
  const shorter = Math.min(first, second);
  const larger = Math.max(shorter, limit - shorter);
  const [less, more] = shorter + larger > limit
    ? [Math.floor(limit / 2), Math.ceil(limit / 2)]
    : [shorter, larger];
  return first > second ? [more, less] : [less, more];
}

/**
 * The windows of `length` tokens, each of at most `limit`; neighbors share `stride` tokens. Windows
 * begin at the end of the text that is kept. A text of which nothing is kept is one further window.
 *
 * @throws {RangeError} if `stride` is not smaller than `limit`
 */
export function windowsOf(
  length: number,
  { limit, stride, side }: { limit: number; stride: number; side: "left" | "right" },
): Window[] {
  if (length <= limit) return [[0, length]];
  if (limit === 0) return [[0, 0], [0, length]];
  if (stride >= limit) {
    throw new RangeError(
      `encodeBatch: expected a stride below the ${limit} tokens of a row's text, got ${stride}`,
    );
  }
  const windows: Window[] = [];
  for (let at = 0;; at += limit - stride) {
    const end = Math.min(at + limit, length);
    windows.push(side === "right" ? [at, end] : [length - end, length - at]);
    if (end === length) return windows;
  }
}
