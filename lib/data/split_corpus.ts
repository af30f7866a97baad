/**
 * Sets the end of a corpus aside for validation.
 *
 * @module
 */

import { describe } from "../errors.ts";
import { checkOptions } from "../options.ts";

/** Token ids in a typed array. */
export type TokenArray = Uint16Array | Uint32Array | Int32Array;

/** The two parts of a corpus, views of the same memory. */
export interface CorpusSplit<Tokens extends TokenArray> {
  /** The beginning, to learn from. */
  train: Tokens;
  /** The end, to measure on. */
  validation: Tokens;
}

/** Options of `splitCorpus`. */
export interface SplitCorpusOptions {
  /** The fraction of the tokens that is set aside, from the end, in [0, 1); default 0.1. */
  validationFraction?: number;
}

/**
 * Cuts token ids, `tokens` [n], after the first `floor(n · (1 − validationFraction))`, as nanoGPT
 * does.
 *
 * ```ts
 * const tokens = Uint16Array.of(1, 2, 3, 4);
 * const { train, validation } = splitCorpus(tokens, { validationFraction: 0.25 });
 * console.log([...train], [...validation]); // [ 1, 2, 3 ] [ 4 ]
 * ```
 *
 * @throws {RangeError} if the fraction is out of range
 * @throws {TypeError} if `tokens` is no typed array, or an option is unknown
 */
export function splitCorpus<Tokens extends TokenArray>(
  tokens: Tokens,
  options: SplitCorpusOptions = {},
): CorpusSplit<Tokens> {
  checkOptions("splitCorpus", options, { validationFraction: 0.1 });
  if (!ArrayBuffer.isView(tokens)) {
    const advice = typeof tokens === "string" ? "; encode the text first" : "";
    throw new TypeError(
      `splitCorpus: expected ids in a typed array, got ${describe(tokens)}${advice}`,
    );
  }
  const { validationFraction = 0.1 } = options;
  if (!(validationFraction >= 0 && validationFraction < 1)) {
    throw new RangeError(
      `splitCorpus: expected a validation fraction in [0, 1), got ${validationFraction}`,
    );
  }
  const cut = Math.floor(tokens.length * (1 - validationFraction));
  return {
    train: tokens.subarray(0, cut) as Tokens,
    validation: tokens.subarray(cut) as Tokens,
  };
}
