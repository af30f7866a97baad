/**
 * `config.json` of encoders, and of encoders with a head for classifying sequences: BERT,
 * DistilBERT, RoBERTa, XLM-RoBERTa, CamemBERT, MPNet, ALBERT and ModernBERT.
 *
 * The fields of each architecture, and its names of tensors, are in bert_format.ts and the files
 * beside it; language models are in config.ts.
 *
 * @module
 */
import { encoderBlocks, type EncoderConfig } from "../nn/encoder.ts";
import type { MaskedLanguageModelConfig } from "../nn/masked_language_model.ts";
import { BLOCK_OPTIONS, dropUndefined } from "../nn/block_config.ts";
import {
  PROBLEM_TYPES,
  type ProblemType,
  problemTypeOf,
  type SequenceClassifierConfig,
} from "../nn/sequence_classifier.ts";
import { albert } from "./albert_format.ts";
import { bert, camembert, distilbert, roberta, xlmRoberta } from "./bert_format.ts";
import { type ConfigFields, malformed, parseConfig, unexpected } from "./config_fields.ts";
import { type EncoderFormat, encoderSource } from "./encoder_format.ts";
import type { ModelSizes } from "./expect_size.ts";
import type { ArchitectureNames } from "./format.ts";
import { modernbert } from "./modernbert_format.ts";
import { mpnet } from "./mpnet_format.ts";

/** The architecture whose names and layouts an encoder's file has. */
export type EncoderArchitecture =
  | "bert"
  | "distilbert"
  | "roberta"
  | "xlm-roberta"
  | "camembert"
  | "mpnet"
  | "albert"
  | "modernbert";

/** The contents of an encoder's `config.json`. */
export interface PretrainedEncoderConfig {
  /** The file's `model_type`. */
  readonly architecture: EncoderArchitecture;
  /** The model. */
  readonly config: EncoderConfig;
}

/** The contents of a classifier's `config.json`. */
export interface PretrainedClassifierConfig {
  /** The file's `model_type`. */
  readonly architecture: EncoderArchitecture;
  /** The model. */
  readonly config: SequenceClassifierConfig;
}

/** The contents of a masked language model's `config.json`. */
export interface PretrainedMaskedConfig {
  /** The file's `model_type`. */
  readonly architecture: EncoderArchitecture;
  /** The model. */
  readonly config: MaskedLanguageModelConfig;
}

const FORMATS: Readonly<Record<EncoderArchitecture, EncoderFormat>> = {
  bert,
  distilbert,
  roberta,
  "xlm-roberta": xlmRoberta,
  camembert,
  mpnet,
  albert,
  modernbert,
};

/** The sizes that the number of an encoder's stored weights depends on. */
export function encoderSizes(config: EncoderConfig): ModelSizes {
  return { ...config, layers: config.layerGroups ?? config.layers };
}

/** Whether `type` is the `model_type` of an encoder. */
export function isEncoderType(type: unknown): boolean {
  return typeof type === "string" && Object.hasOwn(FORMATS, type);
}

/** A configuration, and the names that its model's tensors have in the file. */
type WithNames<Read> = Read & { readonly names: ArchitectureNames };

/**
 * Reads the text of an encoder's `config.json`, untrusted; fields of heads are not read.
 *
 * @throws {SyntaxError} naming the field, what was expected and what was found
 */
export function readEncoderConfig(text: string): WithNames<PretrainedEncoderConfig> {
  const { architecture, format, fields } = readFormat(text);
  const config = readEncoder(format, fields);
  return { architecture, config, names: namesOf(architecture, fields, "encoder.") };
}

/**
 * Reads the text of a classifier's `config.json`, untrusted.
 *
 * @throws {SyntaxError} naming the field, what was expected and what was found
 */
export function readClassifierConfig(text: string): WithNames<PretrainedClassifierConfig> {
  const { architecture, format, fields } = readFormat(text);
  const encoder = readEncoder(format, fields);
  const labels = readLabels(fields);
  const problemType = readProblemType(fields);
  const config = { ...encoder, ...format.head(fields, encoder), labels, ...problemType };
  return { architecture, config, names: namesOf(architecture, fields, "") };
}

/**
 * The content of a classifier's `config.json`: that of the first architecture which is read back as
 * exactly this model.
 *
 * @throws {RangeError} if there is none among those that are saved
 */
export function writeClassifierConfig(
  config: SequenceClassifierConfig,
): { fields: Record<string, unknown>; names: ArchitectureNames } {
  const saved = Object.entries(FORMATS).filter(([, { write }]) => write);
  for (const [, { write }] of saved) {
    const fields = { ...write!({ ...config, ...encoderBlocks(config) }), ...labelFields(config) };
    const again = readIfValid(JSON.stringify(fields));
    if (again && ordered(again.config) === ordered(config)) return { fields, names: again.names };
  }
  throw new RangeError(
    `saving a classifier: none of ${saved.map(([name]) => name).join(", ")} is this model, whose ` +
      "configuration has other choices",
  );
}

function readIfValid(text: string) {
  try {
    return readClassifierConfig(text);
  } catch (cause) {
    if (cause instanceof RangeError || cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}

function labelFields(config: SequenceClassifierConfig): Record<string, unknown> {
  const { labels } = config;
  return {
    id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
    problem_type: problemTypeOf(config),
  };
}

/** The configuration with every default filled in, its fields in order. */
function ordered(config: SequenceClassifierConfig): string {
  const { dropout = 0, embeddingDropout = dropout, classifierDropout = dropout, layers } = config;
  const complete = {
    pooling: "cls",
    poolerBias: true,
    poolerNorm: false,
    poolerDropout: 0,
    tokenTypes: 0,
    firstNorm: true,
    layerGroups: layers,
    ...ownFields(config),
    ...encoderBlocks(config),
    embeddingDropout,
    classifierDropout,
    problemType: problemTypeOf(config),
  };
  const fields = Object.entries(complete).filter(([, value]) => value !== undefined);
  return JSON.stringify(fields.sort(([a], [b]) => a < b ? -1 : 1));
}

/** The fields that are not those of the blocks. */
function ownFields(config: SequenceClassifierConfig): Partial<SequenceClassifierConfig> {
  const own = Object.entries(config).filter(([name]) => !Object.hasOwn(BLOCK_OPTIONS, name));
  return dropUndefined(Object.fromEntries(own));
}

/**
 * Reads the text of a masked language model's `config.json`, untrusted.
 *
 * @throws {SyntaxError} naming the field, what was expected and what was found
 */
export function readMaskedConfig(text: string): WithNames<PretrainedMaskedConfig> {
  const { architecture, format, fields } = readFormat(text);
  fields.only("tie_word_embeddings", true);
  const encoder = readEncoder(format, fields);
  const config = { ...encoder, ...format.maskedHead(fields, encoder) };
  return { architecture, config, names: namesOf(architecture, fields, "") };
}

/**
 * An architecture's names of tensors for a model whose encoder is its part `encoder`; for an
 * encoder alone `prefix` is the name of that part.
 */
function namesOf(
  architecture: EncoderArchitecture,
  fields: ConfigFields,
  prefix: string,
): ArchitectureNames {
  const { names, skippedPositions } = FORMATS[architecture];
  const skipped = skippedPositions?.(fields) ?? 0;
  return {
    name: architecture,
    source: (parameter) => encoderSource(names, prefix + parameter, skipped),
    prefix: new RegExp(`^${names.root.replace(".", "\\.")}`),
    unread: names.unread,
  };
}

function readFormat(text: string) {
  const fields = parseConfig(text);
  const format = fields.choice("model_type", FORMATS, "(none)");
  return { architecture: fields.get("model_type") as EncoderArchitecture, format, fields };
}

function readEncoder(format: EncoderFormat, fields: ConfigFields): EncoderConfig {
  const config = format.encoder(fields);
  try {
    encoderBlocks(config);
  } catch (cause) {
    throw malformed((cause as Error).message, cause);
  }
  return config;
}

/** `problem_type`, if the file names one. */
function readProblemType(fields: ConfigFields): { problemType?: ProblemType } {
  const types = Object.fromEntries(PROBLEM_TYPES.map((type) => [type, type]));
  if (fields.get("problem_type") === undefined) return {};
  return { problemType: fields.choice("problem_type", types, "(none)") };
}

const MAX_LABELS = 100_000;

/**
 * `id2label`, whose keys are 0, 1, …; without it `num_labels` names, two by default, as
 * transformers makes them.
 */
export function readLabels(fields: ConfigFields): string[] {
  const table = fields.get("id2label");
  if (table === undefined) {
    const count = fields.wholeNumber("num_labels", 2);
    if (count > MAX_LABELS) throw unexpected("num_labels", `at most ${MAX_LABELS}`, count);
    return Array.from({ length: count }, (_, i) => `LABEL_${i}`);
  }
  const labels = typeof table === "object" ? table as Record<string, unknown> : {};
  const names = Object.keys(labels).map((_, i) => Object.hasOwn(labels, i) ? labels[i] : undefined);
  const isComplete = names.length > 0 && names.every((name) => typeof name === "string");
  if (Array.isArray(table) || !isComplete) {
    throw unexpected("id2label", 'names of classes {"0": …, "1": …, …}', table);
  }
  return names as string[];
}
