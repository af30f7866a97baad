/**
 * The `model_type` of each encoder and encoder–decoder that Folio reads. Their formats, in
 * encoder_formats.ts and encoder_decoder_formats.ts, are loaded when a model of that kind is.
 *
 * @module
 */

/** The architecture whose names and layouts an encoder's file has. */
export type EncoderArchitecture =
  | "bert"
  | "distilbert"
  | "roberta"
  | "xlm-roberta"
  | "camembert"
  | "mpnet"
  | "albert"
  | "modernbert"
  | "folio-encoder";

/** The architecture whose names and layouts an encoder–decoder's file has. */
export type EncoderDecoderArchitecture = "t5" | "bart" | "folio-encoder-decoder";

// Records, so that the compiler sees that none is left out.
const ENCODERS: Readonly<Record<EncoderArchitecture, true>> = {
  bert: true,
  distilbert: true,
  roberta: true,
  "xlm-roberta": true,
  camembert: true,
  mpnet: true,
  albert: true,
  modernbert: true,
  "folio-encoder": true,
};
const ENCODER_DECODERS: Readonly<Record<EncoderDecoderArchitecture, true>> = {
  t5: true,
  bart: true,
  "folio-encoder-decoder": true,
};

/** Whether `type` is the `model_type` of an encoder. */
export function isEncoderType(type: unknown): boolean {
  return typeof type === "string" && Object.hasOwn(ENCODERS, type);
}

/** Whether `type` is the `model_type` of an encoder–decoder. */
export function isEncoderDecoderType(type: unknown): boolean {
  return typeof type === "string" && Object.hasOwn(ENCODER_DECODERS, type);
}
