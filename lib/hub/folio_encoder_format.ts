/**
 * Folio's own files of encoders, for those that no published architecture can express: the field
 * names of the configuration, and the parameters' own names.
 *
 * See folio_format.ts for language models.
 *
 * @module
 */
import { ACTIVATION_NAMES } from "../ops/activation.ts";
import { BLOCK_OPTIONS, type BlockConfigInput } from "../nn/block_config.ts";
import type { EncoderConfig } from "../nn/encoder.ts";
import { POOLINGS } from "../nn/pool.ts";
import { ConfigFields, unexpected } from "./config_fields.ts";
import type { EncoderFormat } from "./encoder_format.ts";
import { readDropout, readLayers } from "./format.ts";
import { readWindow } from "./folio_format.ts";

/** `"model_type": "folio-encoder"`. */
export const folioEncoder: EncoderFormat = {
  encoder: (fields) => ({
    ...readBlocks(fields),
    vocabSize: fields.wholeNumber("vocabSize", 1),
    contextLength: fields.wholeNumber("contextLength", 1),
    layers: readLayers(fields, "layers", 1),
    tokenTypes: fields.wholeNumber("tokenTypes", 0, 0),
    embeddingWidth: fields.wholeNumber("embeddingWidth", undefined),
    layerGroups: fields.wholeNumber("layerGroups", undefined),
    window: readWindows(fields),
    windowRotaryBase: optionalNumber(fields, "windowRotaryBase"),
    relativeBuckets: fields.wholeNumber("relativeBuckets", undefined),
    firstNorm: fields.boolean("firstNorm", true),
    embeddingDropout: readDropout(fields, "embeddingDropout", 0),
  }),
  head: (fields) => ({
    pooling: fields.choice("pooling", named(POOLINGS), "cls"),
    poolerActivation: fields.choice(
      "poolerActivation",
      named(["tanh", ...ACTIVATION_NAMES]),
      "tanh",
    ),
    poolerBias: fields.boolean("poolerBias", true),
    poolerNorm: fields.boolean("poolerNorm", false),
    poolerDropout: readDropout(fields, "poolerDropout", 0),
    classifierDropout: readDropout(fields, "classifierDropout", 0),
  }),
  maskedHead: (fields) => ({
    headActivation: fields.choice("headActivation", named(ACTIVATION_NAMES), "gelu"),
    headBias: fields.boolean("headBias", true),
    logitBias: fields.boolean("logitBias", true),
  }),
  write: (config) => ({ model_type: "folio-encoder", ...config }),
};

/** The fields of the blocks, which `blockConfig` checks. */
export function readBlocks(fields: ConfigFields): BlockConfigInput {
  const names = Object.keys(BLOCK_OPTIONS);
  const input = Object.fromEntries(names.map((name) => [name, fields.get(name)]));
  const scaling = fields.get("rotaryScaling");
  const rotaryScaling = scaling === undefined ? scaling : new ConfigFields(scaling).all();
  return { ...input, rotaryScaling } as unknown as BlockConfigInput;
}

function readWindows(fields: ConfigFields): EncoderConfig["window"] {
  const windows = readWindow(fields);
  const areWindows = windows?.every((tokens) =>
    tokens === undefined || Number.isSafeInteger(tokens) && (tokens as number) > 0
  );
  if (areWindows !== false) return windows as EncoderConfig["window"];
  throw unexpected("window", "a list of whole numbers from 1 and nulls", fields.get("window"));
}

function optionalNumber(fields: ConfigFields, name: string): number | undefined {
  return fields.get(name) === undefined ? undefined : fields.number(name, 0);
}

function named<Name extends string>(names: readonly Name[]): Record<string, Name> {
  return Object.fromEntries(names.map((name) => [name, name]));
}
