/**
 * `config.json` of encoders, and of encoders with a head for classifying sequences: BERT,
 * DistilBERT, RoBERTa, XLM-RoBERTa, CamemBERT, MPNet, ALBERT and ModernBERT.
 *
 * The fields of each architecture, and its names of tensors, are in bert_format.ts and the files
 * beside it; write_encoder_config.ts writes them; language models are in config.ts.
 *
 * @module
 */
import { encoderBlocks, type EncoderConfig } from "../nn/encoder.ts";
import type { MaskedLanguageModelConfig } from "../nn/masked_language_model.ts";
import {
  PROBLEM_TYPES,
  type ProblemType,
  type SequenceClassifierConfig,
} from "../nn/sequence_classifier.ts";
import { albert } from "./albert_format.ts";
import { bert, camembert, distilbert, roberta, xlmRoberta } from "./bert_format.ts";
import { type ConfigFields, malformed, parseConfig } from "./config_fields.ts";
import { type EncoderFormat, encoderSource } from "./encoder_format.ts";
import type { ModelSizes } from "./expect_size.ts";
import { folioEncoder } from "./folio_encoder_format.ts";
import { type ArchitectureNames, ownSource } from "./format.ts";
import { readLabels } from "./labels.ts";
import type { EncoderArchitecture } from "./model_types.ts";
import { modernbert } from "./modernbert_format.ts";
import { mpnet } from "./mpnet_format.ts";
import { readTextEnds, type TextEnds } from "./text_ends.ts";

/** The contents of an encoder's `config.json`. */
export interface PretrainedEncoderConfig extends TextEnds {
  /** The file's `model_type`. */
  readonly architecture: EncoderArchitecture;
  /** The model. */
  readonly config: EncoderConfig;
}

/** The contents of a classifier's `config.json`. */
export interface PretrainedClassifierConfig extends TextEnds {
  /** The file's `model_type`. */
  readonly architecture: EncoderArchitecture;
  /** The model. */
  readonly config: SequenceClassifierConfig;
}

/** The contents of a masked language model's `config.json`. */
export interface PretrainedMaskedConfig extends TextEnds {
  /** The file's `model_type`. */
  readonly architecture: EncoderArchitecture;
  /** The model. */
  readonly config: MaskedLanguageModelConfig;
}

/** Each architecture's format. An encoder is saved in the first that can express it. */
export const ENCODER_FORMATS: Readonly<Record<EncoderArchitecture, EncoderFormat>> = {
  bert,
  distilbert,
  roberta,
  "xlm-roberta": xlmRoberta,
  camembert,
  mpnet,
  albert,
  modernbert,
  "folio-encoder": folioEncoder,
};

/** The sizes that the number of an encoder's stored weights depends on. */
export function encoderSizes(config: EncoderConfig): ModelSizes {
  return { ...config, layers: config.layerGroups ?? config.layers };
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
  const names = namesOf(architecture, fields, "encoder.");
  return { architecture, config, ...readTextEnds(fields), names };
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
  return {
    architecture,
    config,
    ...readTextEnds(fields),
    names: namesOf(architecture, fields, ""),
  };
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
  return {
    architecture,
    config,
    ...readTextEnds(fields),
    names: namesOf(architecture, fields, ""),
  };
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
  const { names, skippedPositions } = ENCODER_FORMATS[architecture];
  const skipped = skippedPositions?.(fields) ?? 0;
  if (!names) return { ...FOLIO_NAMES, source: (parameter) => ownSource(prefix + parameter) };
  return {
    name: architecture,
    source: (parameter) => encoderSource(names, prefix + parameter, skipped),
    prefix: new RegExp(`^${names.root.replace(".", "\\.")}`),
    unread: names.unread,
    // The positions that the table skips are those up to the padding token's.
    ...skipped > 0 ? { uncountedToken: skipped - 1 } : {},
  };
}

/** Folio's own names, in which an encoder is a part of the model, also if it is alone. */
const FOLIO_NAMES = {
  name: "folio-encoder",
  unread: /^(pooler|pooler_norm|classifier|dense|norm|logits)\./,
};

function readFormat(text: string) {
  const fields = parseConfig(text);
  const format = fields.choice("model_type", ENCODER_FORMATS, "(none)");
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
