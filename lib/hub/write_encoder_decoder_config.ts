/**
 * `config.json` of encoder–decoders, written as the first architecture that computes exactly the
 * model. What none expresses is written with `"model_type": "folio-encoder-decoder"`.
 *
 * encoder_decoder_formats.ts reads it back.
 *
 * @module
 */
import { transformerBlocks, type TransformerConfig } from "../nn/transformer_config.ts";
import { ConfigFields } from "./config_fields.ts";
import { isSameConfig } from "./config_text.ts";
import type { CompleteTransformer } from "./encoder_decoder_format.ts";
import { ENCODER_DECODER_FORMATS } from "./encoder_decoder_formats.ts";
import type { EncoderDecoderArchitecture } from "./model_types.ts";

/**
 * The object to be written as `config.json`, without tokens, and the architecture that it is of.
 */
export interface WrittenEncoderDecoder {
  readonly architecture: EncoderDecoderArchitecture;
  readonly fields: Record<string, unknown>;
}

/**
 * The `config.json` of a model: that of `preferred`, or of the first architecture that is read back
 * as exactly this model.
 */
export function writeEncoderDecoderConfig(
  config: TransformerConfig,
  preferred?: EncoderDecoderArchitecture,
): WrittenEncoderDecoder {
  const complete = completeTransformer(config);
  const others = Object.keys(ENCODER_DECODER_FORMATS) as EncoderDecoderArchitecture[];
  for (const architecture of preferred === undefined ? others : [preferred, ...others]) {
    const format = ENCODER_DECODER_FORMATS[architecture];
    const fields = { ...format.write(complete), is_encoder_decoder: true, torch_dtype: "float32" };
    if (isRestored(architecture, fields, complete)) return { architecture, fields };
  }
  throw new RangeError(`savePretrained: no format expresses the model ${JSON.stringify(complete)}`);
}

function isRestored(
  architecture: EncoderDecoderArchitecture,
  fields: Record<string, unknown>,
  complete: CompleteTransformer,
): boolean {
  try {
    const again = ENCODER_DECODER_FORMATS[architecture].read(new ConfigFields(fields));
    return isSameConfig(completeTransformer(again), complete);
  } catch (cause) {
    if (cause instanceof RangeError || cause instanceof SyntaxError) return false;
    throw cause;
  }
}

/** Fills in defaults, and leaves out what computes the same as its default. */
function completeTransformer(config: TransformerConfig): CompleteTransformer {
  const blocks = transformerBlocks(config);
  const { layers, tiedHead = false, positions = "sinusoidal" } = config;
  const isRelative = positions === "relative";
  const { relativeBuckets = 32, relativeDistance = 128 } = isRelative ? config : {};
  return {
    ...blocks,
    sourceVocabSize: config.sourceVocabSize,
    targetVocabSize: config.targetVocabSize,
    contextLength: config.contextLength,
    layers,
    decoderLayers: config.decoderLayers ?? layers,
    positions,
    relativeBuckets,
    relativeDistance,
    sharedTokens: config.sharedTokens ?? false,
    tiedHead,
    headBias: !tiedHead && (config.headBias ?? true),
    embeddingScale: config.embeddingScale ?? 1,
    embeddingNorm: config.embeddingNorm ?? false,
    headScale: config.headScale ?? 1,
    embeddingDropout: config.embeddingDropout ?? blocks.dropout,
    outputDropout: config.outputDropout ?? 0,
  };
}
