/**
 * `config.json` of encoder–decoders: T5, with T5 1.1 and Flan-T5, and BART.
 *
 * The fields of each architecture, and its names of tensors, are in t5_format.ts and
 * bart_format.ts; write_encoder_decoder_config.ts writes them; language models are in config.ts,
 * encoders in encoder_formats.ts.
 *
 * @module
 */
import {
  checkTransformer,
  transformerBlocks,
  type TransformerConfig,
} from "../nn/transformer_config.ts";
import { bart } from "./bart_format.ts";
import { type ConfigFields, malformed, parseConfig } from "./config_fields.ts";
import { type EncoderDecoderFormat, encoderDecoderSource } from "./encoder_decoder_format.ts";
import type { ModelSizes } from "./expect_size.ts";
import { folioEncoderDecoder } from "./folio_encoder_decoder_format.ts";
import { type ArchitectureNames, ownSource } from "./format.ts";
import type { EncoderDecoderArchitecture } from "./model_types.ts";
import type { TensorReader } from "./parameters.ts";
import { withStoredTargetHead } from "./stored_head.ts";
import { t5 } from "./t5_format.ts";
import { readTargetSettings, type TargetSettings } from "./target_defaults.ts";
import { readIds, readTextEnds, type TextEnds } from "./text_ends.ts";

/** Ids of the tokens around a target, and of those that pad and begin a source. */
export interface TargetEnds extends TextEnds {
  /**
   * Begin every target: one token, and in some models a second one; empty if the files name none.
   */
  readonly startTokens: readonly number[];
}

/** The contents of an encoder–decoder's `config.json`. */
export interface PretrainedEncoderDecoderConfig extends TargetEnds, TargetSettings {
  /** The file's `model_type`. */
  readonly architecture: EncoderDecoderArchitecture;
  /** The model. */
  readonly config: TransformerConfig;
}

/** Each architecture's format. An encoder–decoder is saved in the first that can express it. */
export const ENCODER_DECODER_FORMATS: Readonly<
  Record<EncoderDecoderArchitecture, EncoderDecoderFormat>
> = { t5, bart, "folio-encoder-decoder": folioEncoderDecoder };

/**
 * Reads the texts of an encoder–decoder's `config.json` and, if there is one, of its
 * `generation_config.json`, both untrusted.
 *
 * @throws {SyntaxError} naming the field, what was expected and what was found
 */
export function readEncoderDecoderConfig(
  text: string,
  generation?: string,
): PretrainedEncoderDecoderConfig {
  const fields = parseConfig(text);
  const format = fields.choice("model_type", ENCODER_DECODER_FORMATS, "(none)");
  const architecture = fields.get("model_type") as EncoderDecoderArchitecture;
  const config = checked(format.read(fields));
  const settings = generation === undefined ? fields : parseConfig(generation);
  const ends = readEnds(format, fields, settings);
  return { architecture, config, ...ends, ...readTargetSettings(settings, ends) };
}

/** An architecture's names of tensors for a model of this configuration. */
export function encoderDecoderNamesOf(
  architecture: EncoderDecoderArchitecture,
  config: TransformerConfig,
): ArchitectureNames {
  const { names } = ENCODER_DECODER_FORMATS[architecture];
  if (!names) return { name: architecture, source: ownSource };
  const { unread, zeros, ...own } = names(config);
  return {
    name: architecture,
    source: (parameter) => encoderDecoderSource(own, parameter),
    unread: config.tiedHead ? new RegExp(`${unread.source}|^lm_head\\.weight$`) : unread,
    zeros,
  };
}

/** `config`, with the head that the file holds: as in transformers, the file is right. */
export async function withFileHead(
  architecture: EncoderDecoderArchitecture,
  config: TransformerConfig,
  weights: TensorReader,
): Promise<TransformerConfig> {
  const names = ENCODER_DECODER_FORMATS[architecture].names?.(config);
  if (!names) return config;
  const { tokens } = names;
  return await withStoredTargetHead(config, weights, tokens);
}

/** The sizes that the number of a model's stored weights depends on. */
export function encoderDecoderSizes(config: TransformerConfig): ModelSizes {
  const { positions: _, layers, decoderLayers = layers, targetVocabSize, ...blocks } = config;
  return { ...blocks, layers: layers + decoderLayers, vocabSize: targetVocabSize };
}

function checked(config: TransformerConfig): TransformerConfig {
  try {
    checkTransformer(config);
    transformerBlocks(config);
  } catch (cause) {
    throw malformed((cause as Error).message, cause);
  }
  return config;
}

function readEnds(
  format: EncoderDecoderFormat,
  fields: ConfigFields,
  settings: ConfigFields,
): TargetEnds {
  const start = settings.wholeNumber("decoder_start_token_id", format.startToken(fields), 0);
  const forced = settings.wholeNumber("forced_bos_token_id", undefined, 0);
  const ends = readTextEnds(settings);
  const { endTokens } = ends;
  return {
    ...readTextEnds(fields),
    ...ends,
    startTokens: [start, forced].filter((id) => id !== undefined),
    endTokens: endTokens.length > 0 ? endTokens : readIds(fields, "eos_token_id"),
  };
}
