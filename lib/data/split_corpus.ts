/**
 * Sets the end of a corpus aside for validation.
 *
 * @module
 */

/** Token ids in a typed array. */
export type TokenArray = Uint16Array | Uint32Array | Int32Array;

/** The two parts of a corpus, views of the same memory. */
export interface CorpusSplit<Tokens extends TokenArray> {
  /** The beginning, to learn from. */
  train: Tokens;
  /** The end, to measure on. */
  validation: Tokens;
}

/**
 * Cuts n tokens after the first `floor(n · (1 − validationFraction))`, as nanoGPT does.
 *
 * @param tokens [n] token ids
 * @param validationFraction in [0, 1); default 0.1
 * @throws {RangeError} where the fraction is out of range
 *
 * @example
 * ```ts
 * const { train, validation } = splitCorpus(Uint16Array.of(1, 2, 3, 4), 0.25);
 * console.log([...train], [...validation]); // [ 1, 2, 3 ] [ 4 ]
 * ```
 */
export function splitCorpus<Tokens extends TokenArray>(
  tokens: Tokens,
  validationFraction = 0.1,
): CorpusSplit<Tokens> {
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
