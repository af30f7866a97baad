/**
 * Folio's own files, for models that no published architecture expresses: ModelConfig's field
 * names, GPT-2's names of weights.
 *
 * @module
 */
import type { ModelConfig, ModelConfigInput } from "../nn/config.ts";
import type { RotaryScaling } from "../ops/rotary.ts";
import { ConfigFields, unexpected } from "./config_fields.ts";
import { type Format, readLayers } from "./format.ts";

const FIELDS = [
  "vocabSize",
  "contextLength",
  "layers",
  "heads",
  "keyValueHeads",
  "width",
  "hidden",
  "norm",
  "normPlacement",
  "normEpsilon",
  "positions",
  "rotaryBase",
  "activation",
  "gated",
  "bias",
  "queryKeyValueBias",
  "tiedHead",
  "headBias",
  "dropout",
  "scaleAttention",
] as const satisfies (keyof ModelConfig)[];

/** `"model_type": "folio"`. */
export const folio: Format = {
  /** The types are checked by modelConfig, all but those of the window and the scaling. */
  read(fields) {
    readLayers(fields, "layers", 1);
    const input = Object.fromEntries(FIELDS.map((name) => [name, fields.get(name)]));
    const rotaryScaling = readScaling(fields);
    const window = readWindow(fields);
    return { ...input, rotaryScaling, window } as unknown as ModelConfigInput;
  },
  expresses: () => true,
  write: (config) => ({ model_type: "folio", ...config }),
  source: (name) => ({ names: [name], transposed: false }),
};

function readWindow(fields: ConfigFields): unknown[] | undefined {
  const window = fields.get("window");
  if (window === undefined) return undefined;
  if (!Array.isArray(window)) throw unexpected("window", "a list", window);
  return window.map((tokens) => tokens ?? undefined);
}

function readScaling(fields: ConfigFields): RotaryScaling | undefined {
  const value = fields.get("rotaryScaling");
  if (value === undefined) return undefined;
  const scaling = new ConfigFields(value);
  const [factor, lowFrequency, highFrequency, originalLength] = [
    "factor",
    "lowFrequency",
    "highFrequency",
    "originalLength",
  ].map((name) => scaling.number(name, NaN));
  return { factor, lowFrequency, highFrequency, originalLength };
}
