/**
 * An encoder–decoder as `transformers` opens it.
 *
 * write_encoder_decoder_config.ts writes its configuration; see load_encoder_decoder.ts for reading
 * the folder.
 *
 * @module
 */
import type { Transformer } from "../nn/transformer.ts";
import type { OptionNames } from "../options.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import {
  encoderDecoderNamesOf,
  type PretrainedEncoderDecoderConfig,
} from "./encoder_decoder_formats.ts";
import { writeGenerationConfig } from "./generation_config.ts";
import type { SavedModel } from "./saved_model.ts";
import { writeTargetSettings } from "./target_defaults.ts";
import { writeTextEnds } from "./text_ends.ts";
import { writeEncoderDecoderConfig } from "./write_encoder_decoder_config.ts";

/**
 * An encoder–decoder with its tokenizer and special tokens. A result of `loadEncoderDecoder` can be
 * passed: it is saved in its own architecture if that still expresses the model. `config` is
 * ignored.
 */
export interface EncoderDecoderToSave
  extends Partial<Omit<PretrainedEncoderDecoderConfig, "config">> {
  /** Weights and configuration. */
  readonly model: Transformer;
  /** Not read: the model has its own. */
  readonly config?: unknown;
  /** The tokenizer of the model's ids. Default: none is saved. */
  readonly tokenizer?: Tokenizer;
  /** If false, `tokenizer` is not read. */
  readonly hasTokenizer?: boolean;
}

/** The names of these options. */
export const ENCODER_DECODER_TO_SAVE: OptionNames<EncoderDecoderToSave> = {
  model: true,
  tokenizer: true,
  hasTokenizer: true,
  startTokens: true,
  endTokens: true,
  beginToken: true,
  padToken: true,
  generation: true,
  unknownSettings: true,
  config: true,
  architecture: true,
};

/**
 * What the folder of an encoder–decoder holds.
 *
 * @throws {RangeError} if targets begin with more than two tokens, which no file can say
 */
export function savedEncoderDecoder({ model, ...known }: EncoderDecoderToSave): SavedModel {
  const { config } = model;
  const { architecture, fields } = writeEncoderDecoderConfig(config, known.architecture);
  const [start, forced, ...more] = known.startTokens ?? [];
  if (more.length > 0) {
    throw new RangeError(
      `savePretrained: expected at most two startTokens, got ${known.startTokens!.length}`,
    );
  }
  const starts = { decoder_start_token_id: start ?? null };
  const { startTokens = [], endTokens = [], generation: sampling } = known;
  const generation = {
    ...writeGenerationConfig({ ...known, sampling }),
    ...starts,
    forced_bos_token_id: forced,
    ...writeTargetSettings(known, { startTokens, endTokens }),
  };
  return {
    model,
    layout: { source: encoderDecoderNamesOf(architecture, config).source, sizes: sizesOf(model) },
    config: { ...fields, ...writeTextEnds(known), ...starts },
    files: { "generation_config.json": generation },
    ends: known,
    vocabSize: config.sourceVocabSize,
    contextLength: config.contextLength,
  };
}

/** The sizes of the blocks. */
function sizesOf({ config: { positions: _, ...sizes } }: Transformer) {
  return sizes;
}
