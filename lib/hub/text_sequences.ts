/**
 * Texts as sequences of ids that fit an encoder, in batches of similar lengths.
 *
 * load_classifier.ts and embed.ts pass them to their models.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { expectTokenizer } from "../text/expect_tokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { expectIds } from "../token_ids.ts";

/** Sizes that bound a sequence. */
export interface SequenceLimits {
  /** V. */
  readonly vocabSize: number;
  /** The longest sequence, in tokens. */
  readonly contextLength: number;
}

/**
 * The ids of texts with their special tokens. A text that is longer than the limit is cut before its
 * closing special token.
 *
 * @throws {TypeError} if `tokenizer` is none, or `texts` is no list of texts
 */
export function encodedTexts(
  operation: string,
  tokenizer: Pick<Tokenizer, "encode">,
  texts: readonly string[],
  { contextLength }: Pick<SequenceLimits, "contextLength">,
): number[][] {
  expectTokenizer(operation, tokenizer);
  if (!Array.isArray(texts)) {
    throw new TypeError(`${operation}: expected a list of texts, got ${describe(texts)}`);
  }
  return texts.map((text) => {
    const ids = Array.from(tokenizer.encode(text, { addSpecialTokens: true }));
    return ids.length > contextLength ? [...ids.slice(0, contextLength - 1), ids.at(-1)!] : ids;
  });
}

/**
 * Checks that every sequence has a token, fits the context and is of the vocabulary.
 *
 * @throws {RangeError} naming the text
 */
export function expectSequences(
  operation: string,
  sequences: readonly ArrayLike<number>[],
  { vocabSize, contextLength }: SequenceLimits,
): void {
  for (const [row, sequence] of sequences.entries()) {
    if (sequence.length === 0 || sequence.length > contextLength) {
      throw new RangeError(
        `${operation}: expected 1 to ${contextLength} tokens, got ${sequence.length} in text ${row}`,
      );
    }
    expectIds(`${operation}: text ${row}`, sequence, vocabSize);
  }
}

/** Throws a RangeError unless `batchSize` is a whole number from 1. */
export function expectBatchSize(operation: string, batchSize: number): void {
  if (Number.isSafeInteger(batchSize) && batchSize >= 1) return;
  throw new RangeError(`${operation}: batchSize must be a whole number from 1, got ${batchSize}`);
}

/**
 * Calls `compute` on batches of sequences of similar lengths, so that little padding is computed, and
 * returns its results, one for each sequence, in the sequences' order.
 */
export async function inBatches<Result>(
  sequences: readonly ArrayLike<number>[],
  batchSize: number,
  compute: (batch: readonly ArrayLike<number>[]) => Promise<readonly Result[]>,
): Promise<Result[]> {
  const order = [...sequences.keys()]
    .sort((a, b) => sequences[b].length - sequences[a].length || a - b);
  const results = new Array<Result>(sequences.length);
  for (let first = 0; first < order.length; first += batchSize) {
    const rows = order.slice(first, first + batchSize);
    const batch = await compute(rows.map((row) => sequences[row]));
    rows.forEach((row, i) => results[row] = batch[i]);
  }
  return results;
}
