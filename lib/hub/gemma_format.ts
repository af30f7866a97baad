/**
 * The files of Gemma, Gemma 2 and Gemma 3 (text): embeddings times √C, RMS norms with the gain 1 +
 * w, a gated tanh GELU; from 2 on norms around each half, alternating windows and soft-caps; in 3
 * norms of queries and keys, and another rotary base in layers with a window.
 *
 * Source: `GemmaConfig`, `Gemma2Config` and `Gemma3TextConfig` of
 * github.com/huggingface/transformers, whose defaults are used here.
 *
 * @module
 */
import type { ModelConfig, ModelConfigInput } from "../nn/config.ts";
import type { Activation } from "../ops/activation.ts";
import type { RotaryScaling } from "../ops/rotary_scaling.ts";
import { ConfigFields, unexpected } from "./config_fields.ts";
import {
  activationName,
  ACTIVATIONS,
  type Format,
  type ParameterSource,
  splitName,
} from "./format.ts";
import { oneWindow, readLayerTypes, writeLayerTypes } from "./layer_types.ts";
import {
  type LlamaDefaults,
  llamaSource,
  readBiases,
  readLlama,
  writeLlama,
} from "./llama_format.ts";
import { readScaling, writeScaling } from "./rotary_fields.ts";

/** Norms in the blocks of Gemma 2 and 3 → the file's. */
const SANDWICH: Readonly<Record<string, string>> = {
  "ln_1": "input_layernorm",
  "ln_1_out": "post_attention_layernorm",
  "ln_2": "pre_feedforward_layernorm",
  "ln_2_out": "post_feedforward_layernorm",
};

const GEMMA: LlamaDefaults = {
  vocabSize: 256000,
  contextLength: 8192,
  layers: 28,
  heads: 16,
  width: 3072,
  headSize: 256,
  hidden: 24576,
  tiedHead: true,
};

const GEMMA2: LlamaDefaults = {
  ...GEMMA,
  layers: 26,
  heads: 8,
  keyValueHeads: 4,
  width: 2304,
  hidden: 9216,
};

const GEMMA3: LlamaDefaults = { ...GEMMA2, vocabSize: 262208, contextLength: 131072 };

/** `"model_type": "gemma"`. */
export const gemma: Format = {
  read: (fields) => readGemma(fields, readLlama(fields, GEMMA), readFirstActivation(fields)),
  write: (config) => ({
    architectures: ["GemmaForCausalLM"],
    model_type: "gemma",
    ...writeLlama(config),
    hidden_act: gemmaName(config.activation),
    attention_bias: config.queryKeyValueBias,
  }),
  source: (name) => withUnitGain(name, llamaSource(name)),
};

/** `"model_type": "gemma2"`: every second layer has a window, scores and logits a soft-cap. */
export const gemma2: Format = {
  read(fields) {
    const input = readLlama(fields, GEMMA2);
    return {
      ...readGemma(fields, input, readActivation(fields)),
      ...readSandwich(fields, input.layers, 2),
      attentionSoftCap: readSoftCap(fields, "attn_logit_softcapping", 50),
      logitSoftCap: readSoftCap(fields, "final_logit_softcapping", 30),
    };
  },
  write: (config) => ({
    architectures: ["Gemma2ForCausalLM"],
    model_type: "gemma2",
    ...writeLlama(config),
    ...writeSandwich(config),
  }),
  source: sandwichSource,
};

/**
 * `"model_type": "gemma3_text"`: five layers in six have a window and their own rotary base, and
 * queries and keys are normalized.
 */
export const gemma3Text: Format = {
  read(fields) {
    fields.only("attn_logit_softcapping", null); // transformers reads another one and ignores it
    const { base, windowBase, scaling, rest } = readTwoBases(fields);
    const input = readLlama(rest, GEMMA3);
    const pattern = fields.wholeNumber("sliding_window_pattern", 6);
    const sandwich = readSandwich(fields, input.layers, pattern);
    return {
      ...readGemma(fields, input, readActivation(fields)),
      ...sandwich,
      queryKeyNorm: true,
      rotaryBase: base,
      rotaryScaling: scaling,
      windowRotaryBase: oneWindow(sandwich.window) === undefined ? undefined : windowBase,
      logitSoftCap: readSoftCap(fields, "final_logit_softcapping", undefined),
    };
  },
  write: ({ rotaryScaling, ...config }) => ({
    architectures: ["Gemma3ForCausalLM"],
    model_type: "gemma3_text",
    ...writeLlama(config),
    ...writeSandwich(config),
    rope_local_base_freq: config.windowRotaryBase ?? config.rotaryBase,
    rope_scaling: rotaryScaling ? writeScaling(rotaryScaling) : null,
  }),
  source: sandwichSource,
};

function readGemma(
  fields: ConfigFields,
  input: ModelConfigInput,
  activation: Activation,
): ModelConfigInput {
  fields.only("use_bidirectional_attention", false);
  return {
    ...input,
    ...readBiases(fields),
    activation,
    embeddingScale: Math.sqrt(input.width),
  };
}

/** Gemma's first files say `gelu` and mean its tanh form; `hidden_activation` must agree. */
function readFirstActivation(fields: ConfigFields): Activation {
  const named = fields.choice("hidden_act", ACTIVATIONS, "gelu_pytorch_tanh");
  const activation = fields.get("hidden_act") === "gelu" ? "gelu_tanh" : named;
  const other = fields.choice("hidden_activation", ACTIVATIONS, "gelu_pytorch_tanh");
  if (fields.get("hidden_activation") === undefined || other === activation) return activation;
  throw unexpected("hidden_activation", "the activation of hidden_act", other);
}

function readActivation(fields: ConfigFields): Activation {
  return fields.choice("hidden_activation", ACTIVATIONS, "gelu_pytorch_tanh");
}

/** What Gemma 2 and 3 have in common: each `pattern`-th layer sees everything. */
function readSandwich(fields: ConfigFields, layers: number, pattern: number) {
  const window = fields.wholeNumber("sliding_window", 4096);
  return {
    normPlacement: "sandwich" as const,
    attentionScale: 1 / Math.sqrt(fields.wholeNumber("query_pre_attn_scalar", 256)),
    window: readLayerTypes(fields, layers, window, (layer) => (layer + 1) % pattern !== 0),
  };
}

function writeSandwich(config: ModelConfig): Record<string, unknown> {
  const { attentionScale, headSize, width, heads } = config;
  const scalar = attentionScale === undefined ? headSize ?? width / heads : attentionScale ** -2;
  return {
    hidden_act: undefined,
    hidden_activation: gemmaName(config.activation),
    attention_bias: config.queryKeyValueBias,
    query_pre_attn_scalar: Math.round(scalar),
    sliding_window: oneWindow(config.window) ?? 4096,
    layer_types: writeLayerTypes(config.layers, config.window),
    attn_logit_softcapping: config.attentionSoftCap ?? null,
    final_logit_softcapping: config.logitSoftCap ?? null,
  };
}

/** Gemma's name of the tanh GELU, and the first name of another activation. */
function gemmaName(activation: Activation): string | undefined {
  return activation === "gelu_tanh" ? "gelu_pytorch_tanh" : activationName(activation);
}

/** A soft-cap: none if the field is null, the family's if it is absent. */
function readSoftCap(
  fields: ConfigFields,
  name: string,
  fallback: number | undefined,
): number | undefined {
  if (!fields.has(name)) return fallback;
  return fields.get(name) === undefined ? undefined : fields.number(name, NaN);
}

/**
 * The rotary bases of layers without and with a window, and the fields without them: `rope_theta`,
 * `rope_local_base_freq` and `rope_scaling`, or both layer types in `rope_parameters`.
 */
function readTwoBases(fields: ConfigFields) {
  const scalings: (RotaryScaling | undefined)[] = [];
  const value = fields.get("rope_parameters");
  const parameters = new ConfigFields(value ?? {});
  const read = (type: string, baseName: string, fallback: number) => {
    const rope = new ConfigFields(parameters.get(type) ?? {});
    rope.only("partial_rotary_factor", 1);
    scalings.push(readScaling(rope, fields));
    return rope.number("rope_theta", fields.number(baseName, fallback));
  };
  const windowBase = read("sliding_attention", "rope_local_base_freq", 10_000);
  const base = read("full_attention", "rope_theta", 1_000_000);
  const isFlat = parameters.get("rope_theta") !== undefined || parameters.get("rope_type");
  if (isFlat || scalings[0]) {
    throw unexpected("rope_parameters", "full_attention, and sliding_attention unscaled", value);
  }
  const older = new ConfigFields(fields.get("rope_scaling") ?? {});
  const scaling = scalings[1] ?? readScaling(older, fields);
  return { base, windowBase, scaling, rest: fields.without("rope_parameters", "rope_scaling") };
}

function sandwichSource(name: string): ParameterSource {
  const { layer, module, kind } = splitName(name);
  const norm = layer === undefined ? undefined : SANDWICH[module];
  const names = [`model.layers.${layer}.${norm}.${kind}`];
  return withUnitGain(name, norm ? { names, transposed: false } : llamaSource(name));
}

/** A norm's gain g is stored as g − 1. */
function withUnitGain(name: string, source: ParameterSource): ParameterSource {
  return /\.(ln_\w+|[qk]_norm)\.weight$/.test(name) ? { ...source, added: 1 } : source;
}
