/**
 * An encoder, alone or with the head of a classifier or of a masked language model, as
 * `transformers` and `sentence-transformers` open it.
 *
 * write_encoder_config.ts writes its configuration; see load_encoder.ts, load_classifier.ts and
 * load_masked_language_model.ts for reading the folder.
 *
 * @module
 */
import { Encoder } from "../nn/encoder.ts";
import type { MaskedLanguageModel } from "../nn/masked_language_model.ts";
import { SequenceClassifier } from "../nn/sequence_classifier.ts";
import type { OptionNames } from "../options.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { PretrainedEncoderConfig } from "./encoder_formats.ts";
import { loadedNames } from "./file_names.ts";
import type { EncoderArchitecture } from "./model_types.ts";
import type { SavedModel } from "./saved_model.ts";
import { type SentenceModules, writeSentenceModules } from "./sentence_modules.ts";
import { type EncoderKind, writeEncoderConfig } from "./write_encoder_config.ts";

/** A model that `savePretrained` writes with the fields of an encoder. */
export type EncoderModel = Encoder | MaskedLanguageModel | SequenceClassifier;

/**
 * An encoder with its tokenizer and special tokens. A result of `loadEncoder`, `loadClassifier` or
 * `loadMaskedLanguageModel` can be passed: it is saved in its own architecture if that still
 * expresses the model. `config` is ignored.
 */
export interface EncoderToSave
  extends Partial<Omit<PretrainedEncoderConfig, "config">>, Partial<SentenceModules> {
  /** Weights and configuration. */
  readonly model: EncoderModel;
  /** Not read: the model has its own. */
  readonly config?: unknown;
  /** The tokenizer of the model's ids. Default: none is saved. */
  readonly tokenizer?: Tokenizer;
  /** If false, `tokenizer` is not read. */
  readonly hasTokenizer?: boolean;
}

/** The names of these options. */
export const ENCODER_TO_SAVE: OptionNames<EncoderToSave> = {
  model: true,
  tokenizer: true,
  hasTokenizer: true,
  beginToken: true,
  endTokens: true,
  padToken: true,
  config: true,
  architecture: true,
  pooling: true,
  normalize: true,
  maxLength: true,
  lowercase: true,
  prompts: true,
  defaultPrompt: true,
};

/** What the folder of an encoder holds. */
export function savedEncoder({ model, ...known }: EncoderToSave): SavedModel {
  const { config } = model;
  const loaded = loadedNames(model)?.name as EncoderArchitecture | undefined;
  const { fields, names } = writeEncoderConfig(kindOf(model), config, {
    ...known,
    architecture: known.architecture ?? loaded,
  });
  return {
    model,
    layout: { source: names.source, sizes: config },
    config: fields,
    files: model instanceof Encoder && known.pooling ? writeSentenceModules(known, config) : {},
    ends: known,
    vocabSize: config.vocabSize,
    contextLength: known.maxLength ?? config.contextLength,
  };
}

function kindOf(model: EncoderModel): EncoderKind {
  if (model instanceof Encoder) return "encoder";
  return model instanceof SequenceClassifier ? "classifier" : "masked";
}
