/**
 * Texts as sequences of ids that fit an encoder, in batches of similar lengths.
 *
 * load_classifier.ts and embed.ts pass them to their models.
 *
 * @module
 */
import { onDevice } from "../device/current_device.ts";
import { describe } from "../errors.ts";
import type { Embedding } from "../nn/layers.ts";
import type { Module } from "../nn/module.ts";
import { padSequences } from "../nn/padding.ts";
import { expectValue, wholeNumber } from "../rules.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { BatchText } from "../text/encode_batch.ts";
import { expectTokenizer } from "../text/expect_tokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { expectIds } from "../token_ids.ts";
import { loadedNames } from "./file_names.ts";

/** Sizes that bound a sequence. */
export interface SequenceLimits {
  /** V. */
  readonly vocabSize: number;
  /** The longest sequence, in tokens. */
  readonly contextLength: number;
}

/** The ids of a text or of a pair, special ones included. */
export interface TextSequence {
  readonly ids: ArrayLike<number>;
  /** The token types (segments). Default: 0 for all. */
  readonly types?: ArrayLike<number>;
}

/**
 * Texts, or pairs of texts, as ids with their special tokens. What is longer than the context is
 * cut: the longer text of a pair first.
 *
 * @throws {TypeError} if `tokenizer` is none, or `texts` is no list of texts or pairs
 */
export function encodedTexts(
  operation: string,
  tokenizer: Pick<Tokenizer, "encodeBatch">,
  texts: readonly BatchText[],
  { contextLength }: Pick<SequenceLimits, "contextLength">,
): TextSequence[] {
  expectTokenizer(operation, tokenizer);
  if (!Array.isArray(texts)) {
    throw new TypeError(`${operation}: expected a list of texts, got ${describe(texts)}`);
  }
  const options = { truncation: true, maxLength: contextLength };
  const { ids, tokenTypes } = tokenizer.encodeBatch(texts, options);
  return ids.map((row, i) => ({ ids: row, types: tokenTypes[i] }));
}

/**
 * Checks that every sequence has a token, fits the context and is of the vocabulary of `model`, and
 * that none has a padding token whose position transformers would not count, as a RoBERTa's.
 *
 * @throws {RangeError} naming the text
 */
export function expectSequences(
  operation: string,
  sequences: readonly TextSequence[],
  { vocabSize, contextLength }: SequenceLimits,
  model: Module,
): void {
  const uncounted = loadedNames(model)?.uncountedToken;
  for (const [row, { ids }] of sequences.entries()) {
    if (ids.length === 0 || ids.length > contextLength) {
      throw new RangeError(
        `${operation}: expected 1 to ${contextLength} tokens, got ${ids.length} in text ${row}`,
      );
    }
    expectIds(`${operation}: text ${row}`, ids, vocabSize);
    if (uncounted !== undefined && Array.prototype.includes.call(ids, uncounted)) {
      throw new RangeError(
        `${operation}: expected no padding token in text ${row}, got ${uncounted}; this model does ` +
          "not count its position; remove it from the text",
      );
    }
  }
}

/** A batch of sequences on the model's device. */
export interface SequenceBatch {
  /** i32 [B,T]. */
  readonly ids: Tensor;
  /** Their lengths, i32 [B], and types, i32 [B,T] if the encoder has several. */
  readonly input: { readonly lengths: Tensor; readonly types?: Tensor };
}

/** What reads sequences: an encoder, or a language model. */
export interface SequenceReader {
  /** Its number of token types. */
  readonly config: { readonly tokenTypes?: number };
  /** Its token table. */
  readonly tokens: Embedding;
}

/** Pads sequences to one length; types only for an encoder that has several. */
export function sequenceBatch(
  encoder: SequenceReader,
  sequences: readonly TextSequence[],
): SequenceBatch {
  const { config: { tokenTypes = 0 }, tokens: { weight: { device } } } = encoder;
  return onDevice(device, () => {
    const { ids, lengths } = padSequences(sequences.map(({ ids }) => ids));
    const hasTypes = tokenTypes > 1 && sequences.some(({ types }) => types);
    if (!hasTypes) return { ids, input: { lengths } };
    const rows = sequences.map(({ ids, types }) => types ?? new Uint8Array(ids.length));
    return { ids, input: { lengths, types: padSequences(rows).ids } };
  });
}

/** Throws a RangeError unless `batchSize` is a whole number from 1. */
export function expectBatchSize(operation: string, batchSize: number): void {
  expectValue(`${operation}: batchSize`, wholeNumber({ min: 1 }), batchSize);
}

/**
 * Calls `compute` on batches of sequences of similar lengths, so that little padding is computed,
 * and returns its results, one for each sequence, in the sequences' order.
 */
export async function inBatches<Result>(
  sequences: readonly TextSequence[],
  batchSize: number,
  compute: (batch: readonly TextSequence[]) => Promise<readonly Result[]>,
): Promise<Result[]> {
  const order = [...sequences.keys()]
    .sort((a, b) => sequences[b].ids.length - sequences[a].ids.length || a - b);
  const results = new Array<Result>(sequences.length);
  for (let first = 0; first < order.length; first += batchSize) {
    const rows = order.slice(first, first + batchSize);
    const batch = await compute(rows.map((row) => sequences[row]));
    rows.forEach((row, i) => results[row] = batch[i]);
  }
  return results;
}
