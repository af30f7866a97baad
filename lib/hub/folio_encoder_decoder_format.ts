/**
 * Folio's own files of encoder–decoders, for those that no published architecture can express: the
 * field names of the configuration, and the parameters' own names.
 *
 * See folio_format.ts for language models.
 *
 * @module
 */
import type { TransformerPositions } from "../nn/transformer_config.ts";
import type { EncoderDecoderFormat } from "./encoder_decoder_format.ts";
import { readBlocks } from "./folio_encoder_format.ts";
import { readDropout, readLayers } from "./format.ts";

/** `"model_type": "folio-encoder-decoder"`. */
export const folioEncoderDecoder: EncoderDecoderFormat = {
  read(fields) {
    const layers = readLayers(fields, "layers", 1);
    return {
      ...readBlocks(fields),
      sourceVocabSize: fields.wholeNumber("sourceVocabSize", 1),
      targetVocabSize: fields.wholeNumber("targetVocabSize", 1),
      contextLength: fields.wholeNumber("contextLength", 1),
      layers,
      decoderLayers: readLayers(fields, "decoderLayers", layers),
      // checkTransformer refuses what is no name of positions.
      positions: fields.get("positions") as TransformerPositions,
      relativeBuckets: fields.wholeNumber("relativeBuckets", 32),
      relativeDistance: fields.wholeNumber("relativeDistance", 128),
      sharedTokens: fields.boolean("sharedTokens", false),
      tiedHead: fields.boolean("tiedHead", false),
      headBias: fields.boolean("headBias", false),
      embeddingScale: fields.number("embeddingScale", 1),
      embeddingNorm: fields.boolean("embeddingNorm", false),
      headScale: fields.number("headScale", 1),
      embeddingDropout: readDropout(fields, "embeddingDropout", 0),
      outputDropout: readDropout(fields, "outputDropout", 0),
    };
  },
  write: (config) => ({ model_type: "folio-encoder-decoder", ...config }),
  startToken: (fields) => fields.wholeNumber("decoder_start_token_id", undefined, 0),
};
