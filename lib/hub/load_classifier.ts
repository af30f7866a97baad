/**
 * A published classifier of sequences from a folder, an address or the hub, and its predictions.
 *
 * encoder_formats.ts reads its configuration; see load_pretrained.ts for language models.
 *
 * @module
 */
import { SequenceClassifier } from "../nn/sequence_classifier.ts";
import type { TextClassifier } from "../nn/text_classifier.ts";
import { scope } from "../tensor/scope.ts";
import type { BatchText } from "../text/encode_batch.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { PretrainedClassifierConfig } from "./encoder_formats.ts";
import { loadEncoderModel } from "./load_encoder_model.ts";
import { type LoadOptions, readConfig } from "./load_pretrained.ts";
import {
  encodedTexts,
  expectSequences,
  inBatches,
  sequenceBatch,
  type TextSequence,
} from "./text_sequences.ts";
import type { WithTokenizer } from "./with_tokenizer.ts";

/** A loaded classifier. */
export interface PretrainedClassifier extends PretrainedClassifierConfig, WithTokenizer {
  /** The model; its classes are named in `config.labels`. */
  readonly model: SequenceClassifier;
}

/**
 * Loads an encoder with a head for classifying sequences, such as
 * `distilbert/distilbert-base-uncased-finetuned-sst-2-english`: a BERT, RoBERTa, XLM-RoBERTa,
 * CamemBERT, MPNet, DistilBERT, ALBERT or ModernBERT. Places and errors are those of
 * `loadPretrained`.
 *
 * Positions count every token. `transformers` takes those of RoBERTa, its relatives and MPNet from
 * the ids and does not count padding, so `classify` refuses a text of theirs in which the padding
 * token is written out, `a <pad> b`.
 *
 * ```ts ignore
 * const { model, tokenizer } = await loadClassifier(
 *   "distilbert/distilbert-base-uncased-finetuned-sst-2-english",
 * );
 * const [{ label, score }] = await classify(model, tokenizer, ["I loved it."]);
 * ```
 */
export async function loadClassifier(
  place: string | URL,
  options: LoadOptions = {},
): Promise<PretrainedClassifier> {
  return await loadEncoderModel("loadClassifier", place, options, {
    read: (repository, { readClassifierConfig }) => readConfig(repository, readClassifierConfig),
    make: (config) => new SequenceClassifier(config),
  });
}

/** A model that classifies sequences: an encoder, or a language model with a head. */
export type Classifier = SequenceClassifier | TextClassifier;

/** A classifier's prediction for a text. */
export interface Classification {
  /** The class with the highest score. */
  readonly label: string;
  /**
   * Its score: its probability among all classes; among several labels that may hold together, its
   * own probability; in regression, as of ratings and rerankers, the number itself.
   */
  readonly score: number;
  /** The score of each class, in the order of the config's labels. */
  readonly scores: Readonly<Record<string, number>>;
}

/** Sequences that are classified together. */
const BATCH = 16;

/**
 * Classifies texts, or pairs of texts such as a question and a passage: softmax of the model's
 * logits, or sigmoid with several labels, or the logits themselves in regression; see
 * `SequenceClassifier.scores`. What is longer than the model's context is cut, the longer text of a
 * pair first.
 *
 * ```ts ignore
 * const { model, tokenizer } = await loadClassifier("cross-encoder/ms-marco-MiniLM-L6-v2");
 * const pairs = [["What is a panda?", "A bear."], ["What is a panda?", "A city."]] as const;
 * console.log((await classify(model, tokenizer, pairs)).map(({ score }) => score));
 * ```
 *
 * @throws {RangeError} if a text has no token
 * @throws {TypeError} if `tokenizer` is none, or `texts` is no list of texts or pairs
 */
export async function classify(
  model: Classifier,
  tokenizer: Pick<Tokenizer, "encodeBatch">,
  texts: readonly BatchText[],
): Promise<Classification[]> {
  return await classifySequences(model, encodedTexts("classify", tokenizer, texts, model.config));
}

/**
 * Classifies sequences of ids, their special tokens included.
 *
 * @throws {RangeError} if a sequence is empty or longer than the model's context, or holds an id
 * outside the vocabulary
 */
export async function classifyIds(
  model: Classifier,
  sequences: readonly ArrayLike<number>[],
): Promise<Classification[]> {
  return await classifySequences(model, sequences.map((ids) => ({ ids })));
}

async function classifySequences(
  model: Classifier,
  sequences: readonly TextSequence[],
): Promise<Classification[]> {
  const { labels } = model.config;
  expectSequences("classify", sequences, model.config, model);
  return await inBatches(sequences, BATCH, async (batch) => {
    const rows = await scoresOf(model, batch);
    return batch.map((_, i) =>
      classification(labels, rows.subarray(i * labels.length, (i + 1) * labels.length))
    );
  });
}

/** [B,N], row by row. */
async function scoresOf(
  model: Classifier,
  sequences: readonly TextSequence[],
): Promise<Float32Array> {
  const result = scope(() => {
    const reader = model instanceof SequenceClassifier
      ? model.encoder
      : { config: {}, tokens: model.model.tokens };
    const { ids, input } = sequenceBatch(reader, sequences);
    return model.scores(model.forward(ids, input));
  });
  const rows = await result.data() as Float32Array;
  result.dispose();
  return rows;
}

function classification(labels: readonly string[], row: Float32Array): Classification {
  const best = row.indexOf(Math.max(...row));
  return {
    label: labels[best],
    score: row[best],
    scores: Object.fromEntries(labels.map((label, i) => [label, row[i]])),
  };
}
