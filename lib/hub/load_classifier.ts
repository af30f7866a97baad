/**
 * A published classifier of sequences from a folder, an address or the hub, and its predictions.
 *
 * encoder_formats.ts reads its configuration; see load_pretrained.ts for language models.
 *
 * @module
 */
import { onDevice } from "../device/current_device.ts";
import { padSequences } from "../nn/padding.ts";
import { SequenceClassifier } from "../nn/sequence_classifier.ts";
import { scope } from "../tensor/scope.ts";
import { softmax } from "../ops/softmax.ts";
import { describe } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { expectPlace } from "../place.ts";
import { expectTokenizer } from "../text/expect_tokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { expectIds } from "../token_ids.ts";
import {
  encoderNamesOf,
  type PretrainedClassifierConfig,
  readClassifierConfig,
} from "./encoder_formats.ts";
import {
  checkedDevice,
  filledModel,
  LOAD_OPTIONS,
  type LoadOptions,
  readConfig,
} from "./load_pretrained.ts";
import { tokenizerOf } from "./load_tokenizer.ts";
import { openRepository } from "./open_repository.ts";
import { type WithTokenizer, withTokenizer } from "./with_tokenizer.ts";

/** A loaded classifier. */
export interface PretrainedClassifier extends PretrainedClassifierConfig, WithTokenizer {
  /** The model; its classes are named in `config.labels`. */
  readonly model: SequenceClassifier;
}

/**
 * Loads a BERT or DistilBERT with a head for classifying sequences, such as
 * `distilbert/distilbert-base-uncased-finetuned-sst-2-english`. Places and errors are those of
 * `loadPretrained`.
 *
 * ```ts ignore
 * const { model, tokenizer } = await loadClassifier(
 *   "distilbert/distilbert-base-uncased-finetuned-sst-2-english",
 * );
 * const [{ label, probability }] = await classify(model, tokenizer, ["I loved it."]);
 * ```
 */
export async function loadClassifier(
  place: string | URL,
  options: LoadOptions = {},
): Promise<PretrainedClassifier> {
  expectPlace("loadClassifier", place, "a path, an address or a name on the hub");
  checkOptions("loadClassifier", options, LOAD_OPTIONS);
  const repository = openRepository(place, options);
  const device = checkedDevice(options);
  const { architecture, config } = await readConfig(repository, readClassifierConfig);
  const tokenizer = options.tokenizer === false ? undefined : await tokenizerOf(repository);
  const from = { repository, names: encoderNamesOf(architecture), sizes: config, device };
  const model = await filledModel(() => new SequenceClassifier(config), from, options);
  return withTokenizer({ architecture, config, model }, tokenizer, repository.name);
}

/** A classifier's prediction for a text. */
export interface Classification {
  /** The most probable class. */
  readonly label: string;
  /** Its probability. */
  readonly probability: number;
  /** The probability of each class, in the order of the config's labels. */
  readonly probabilities: Readonly<Record<string, number>>;
}

/** Sequences that are classified together. */
const BATCH = 16;

/**
 * Classifies texts: softmax of the model's logits. A text that is longer than the model's context is
 * cut before its last token.
 *
 * @throws {RangeError} if a text has no token
 * @throws {TypeError} if `tokenizer` is none, or `texts` is no list of texts
 */
export async function classify(
  model: SequenceClassifier,
  tokenizer: Pick<Tokenizer, "encode">,
  texts: readonly string[],
): Promise<Classification[]> {
  expectTokenizer("classify", tokenizer);
  if (!Array.isArray(texts)) {
    throw new TypeError(`classify: expected a list of texts, got ${describe(texts)}`);
  }
  const { contextLength } = model.config;
  const sequences = texts.map((text) => {
    const ids = Array.from(tokenizer.encode(text, { addSpecialTokens: true }));
    return ids.length > contextLength ? [...ids.slice(0, contextLength - 1), ids.at(-1)!] : ids;
  });
  return await classifyIds(model, sequences);
}

/**
 * Classifies sequences of ids, their special tokens included.
 *
 * @throws {RangeError} if a sequence is empty or longer than the model's context, or holds an id
 *   outside the vocabulary
 */
export async function classifyIds(
  model: SequenceClassifier,
  sequences: readonly ArrayLike<number>[],
): Promise<Classification[]> {
  const { labels } = model.config;
  sequences.forEach((sequence, i) => expectSequence(model, sequence, i));
  const results: Classification[] = [];
  for (let first = 0; first < sequences.length; first += BATCH) {
    const rows = await probabilities(model, sequences.slice(first, first + BATCH));
    for (let at = 0; at < rows.length; at += labels.length) {
      results.push(classification(labels, rows.subarray(at, at + labels.length)));
    }
  }
  return results;
}

function expectSequence(model: SequenceClassifier, sequence: ArrayLike<number>, row: number): void {
  const { vocabSize, contextLength } = model.config;
  if (sequence.length === 0 || sequence.length > contextLength) {
    throw new RangeError(
      `classify: expected 1 to ${contextLength} tokens, got ${sequence.length} in text ${row}`,
    );
  }
  expectIds(`classify: text ${row}`, sequence, vocabSize);
}

/** [B,N], row by row. */
async function probabilities(
  model: SequenceClassifier,
  sequences: readonly ArrayLike<number>[],
): Promise<Float32Array> {
  const { device } = model.classifier.weight;
  const result = scope(() => {
    const { ids, lengths } = onDevice(device, () => padSequences(sequences));
    return softmax(model.forward(ids, { lengths }));
  });
  const rows = await result.data() as Float32Array;
  result.dispose();
  return rows;
}

function classification(labels: readonly string[], row: Float32Array): Classification {
  const best = row.indexOf(Math.max(...row));
  return {
    label: labels[best],
    probability: row[best],
    probabilities: Object.fromEntries(labels.map((label, i) => [label, row[i]])),
  };
}
