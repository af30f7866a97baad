/**
 * SmolLM3's files: a Llama whose every fourth layer has no positions (NoPE).
 *
 * Source: `SmolLM3Config` of github.com/huggingface/transformers, whose defaults are used here;
 * Yang et al., arXiv 2501.18795 (layers without positions).
 *
 * @module
 */
import { type ConfigFields, unexpected } from "./config_fields.ts";
import type { Format } from "./format.ts";
import { readLayerTypes, writeWindows } from "./layer_types.ts";
import { llamaSource, readBiases, readLlama, writeLlama } from "./llama_format.ts";

const DEFAULTS = {
  vocabSize: 128256,
  contextLength: 32768,
  layers: 36,
  heads: 16,
  keyValueHeads: 4,
  width: 2048,
  rotary: { base: 2_000_000 },
  tiedHead: true,
};

/** `"model_type": "smollm3"`. */
export const smollm3: Format = {
  read(fields) {
    const input = readLlama(fields, DEFAULTS);
    const rotaryLayers = readRotaryLayers(fields, input.layers);
    const slides = fields.boolean("use_sliding_window", false);
    const window = slides ? fields.wholeNumber("sliding_window", undefined) : undefined;
    const isSliding = (layer: number) => window !== undefined && !rotaryLayers[layer];
    return {
      ...input,
      ...readBiases(fields),
      bias: fields.boolean("mlp_bias", false),
      rotaryLayers,
      window: readLayerTypes(fields, input.layers, window, isSliding),
    };
  },
  write: (config) => ({
    architectures: ["SmolLM3ForCausalLM"],
    model_type: "smollm3",
    ...writeLlama(config),
    attention_bias: config.queryKeyValueBias,
    mlp_bias: config.bias,
    no_rope_layers: Array.from(
      { length: config.layers },
      (_, layer) => config.rotaryLayers?.[layer] === false ? 0 : 1,
    ),
    ...writeWindows(config),
  }),
  source: llamaSource,
};

/**
 * `no_rope_layers`, in which 1 means rotary positions and 0 none; or every fourth layer has none.
 */
function readRotaryLayers(fields: ConfigFields, layers: number): boolean[] {
  const interval = fields.wholeNumber("no_rope_layer_interval", 4);
  const byRule = Array.from({ length: layers }, (_, layer) => (layer + 1) % interval ? 1 : 0);
  const flags = fields.get("no_rope_layers") ?? byRule;
  const isFlag = (flag: unknown) => flag === 0 || flag === 1;
  if (!Array.isArray(flags) || flags.length < layers || !flags.every(isFlag)) {
    throw unexpected("no_rope_layers", `0 or 1 for each of ${layers} layers`, flags);
  }
  return flags.slice(0, layers).map((flag) => flag === 1);
}
