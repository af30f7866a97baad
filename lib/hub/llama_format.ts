/**
 * The Llama family's files: Llama, Mistral (a window) and Qwen2 (biases of query, key and value).
 *
 * Source: `LlamaConfig`, `MistralConfig` and `Qwen2Config` of github.com/huggingface/transformers,
 * whose defaults are used here.
 *
 * @module
 */
import { headSizeOf } from "../nn/block_config.ts";
import type { ModelConfig, ModelConfigInput } from "../nn/config.ts";
import type { RotaryScaling } from "../ops/rotary.ts";
import { ConfigFields, unexpected } from "./config_fields.ts";
import {
  activationName,
  ACTIVATIONS,
  type Format,
  type ParameterSource,
  readDropout,
  readLayers,
  splitName,
} from "./format.ts";

/** Folio's linear layers within a block → the file's. */
const LINEAR: Readonly<Record<string, readonly string[]>> = {
  "attn.c_attn": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
  "attn.c_proj": ["self_attn.o_proj"],
  "mlp.c_fc": ["mlp.up_proj"],
  "mlp.c_gate": ["mlp.gate_proj"],
  "mlp.c_proj": ["mlp.down_proj"],
};

const NORMS: Readonly<Record<string, string>> = {
  "ln_1": "input_layernorm",
  "ln_2": "post_attention_layernorm",
};

const OUTSIDE: Readonly<Record<string, string>> = {
  "transformer.wte": "model.embed_tokens",
  "transformer.ln_f": "model.norm",
};

/** `"model_type": "llama"`. */
export const llama: Format = {
  read(fields) {
    const attentionBias = fields.boolean("attention_bias", false);
    return {
      ...readCommon(fields, 2048, 1e-6),
      bias: fields.boolean("mlp_bias", false),
      queryKeyValueBias: attentionBias,
      attentionProjectionBias: attentionBias,
    };
  },
  write: (config) => ({
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    ...writeCommon(config),
    attention_bias: config.queryKeyValueBias,
    mlp_bias: config.bias,
  }),
  source,
};

/**
 * `"model_type": "mistral"`: a Llama with a window of `sliding_window` tokens in every layer; no
 * window if the file has null.
 */
export const mistral: Format = {
  read(fields) {
    const input = readCommon(fields, 131072, 1e-6);
    const window = fields.wholeNumber("sliding_window", undefined);
    const windows = window === undefined ? undefined : Array(input.layers).fill(window);
    return { ...input, bias: false, window: windows };
  },
  write: (config) => ({
    architectures: ["MistralForCausalLM"],
    model_type: "mistral",
    ...writeCommon(config),
    sliding_window: config.window?.[0] ?? null,
  }),
  source,
};

/** `"model_type": "qwen2"`: a Llama with biases of query, key and value. */
export const qwen2: Format = {
  read(fields) {
    fields.only("use_sliding_window", false);
    return { ...readCommon(fields, 32768, 1e-6), bias: false, queryKeyValueBias: true };
  },
  write: (config) => ({
    architectures: ["Qwen2ForCausalLM"],
    model_type: "qwen2",
    ...writeCommon(config),
    use_sliding_window: false,
  }),
  source,
};

function readCommon(fields: ConfigFields, contextLength: number, epsilon: number) {
  const heads = fields.wholeNumber("num_attention_heads", 32);
  return {
    vocabSize: fields.wholeNumber("vocab_size", 32000),
    contextLength: fields.wholeNumber("max_position_embeddings", contextLength),
    layers: readLayers(fields, "num_hidden_layers", 32),
    heads,
    keyValueHeads: fields.wholeNumber("num_key_value_heads", heads),
    width: fields.wholeNumber("hidden_size", 4096),
    headSize: fields.wholeNumber("head_dim", undefined),
    hidden: fields.wholeNumber("intermediate_size", 11008),
    norm: "rms",
    normEpsilon: fields.number("rms_norm_eps", epsilon),
    positions: "rotary",
    ...readRotary(fields),
    activation: fields.choice("hidden_act", ACTIVATIONS, "silu"),
    gated: true,
    tiedHead: fields.boolean("tie_word_embeddings", false),
    dropout: readDropout(fields, "resid_dropout", 0),
    attentionDropout: readDropout(fields, "attention_dropout", 0),
  } satisfies ModelConfigInput;
}

/** Old files have `rope_theta` and `rope_scaling`, new ones both in `rope_parameters`. */
function readRotary(fields: ConfigFields): { rotaryBase: number; rotaryScaling?: RotaryScaling } {
  let rotaryBase = fields.number("rope_theta", 10000);
  let rotaryScaling: RotaryScaling | undefined;
  for (const name of ["rope_scaling", "rope_parameters"]) {
    const value = fields.get(name);
    if (value === undefined) continue;
    const rope = new ConfigFields(value);
    rotaryBase = rope.number("rope_theta", rotaryBase);
    rotaryScaling = readScaling(rope) ?? rotaryScaling;
  }
  return rotaryScaling ? { rotaryBase, rotaryScaling } : { rotaryBase };
}

function readScaling(rope: ConfigFields): RotaryScaling | undefined {
  const name = rope.get("rope_type") === undefined ? "type" : "rope_type";
  const type = rope.get(name) ?? "default";
  if (type === "default") return undefined;
  if (type !== "llama3") throw unexpected(name, '"default" or "llama3"', type);
  return {
    factor: rope.number("factor", 8),
    lowFrequency: rope.number("low_freq_factor", 1),
    highFrequency: rope.number("high_freq_factor", 4),
    originalLength: rope.wholeNumber("original_max_position_embeddings", 8192),
  };
}

function writeCommon(config: ModelConfig): Record<string, unknown> {
  const scaling = config.rotaryScaling;
  return {
    vocab_size: config.vocabSize,
    max_position_embeddings: config.contextLength,
    hidden_size: config.width,
    intermediate_size: config.hidden,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.keyValueHeads ?? config.heads,
    head_dim: headSizeOf(config),
    hidden_act: activationName(config.activation),
    rms_norm_eps: config.normEpsilon,
    rope_theta: config.rotaryBase,
    rope_scaling: scaling
      ? {
        rope_type: "llama3",
        factor: scaling.factor,
        low_freq_factor: scaling.lowFrequency,
        high_freq_factor: scaling.highFrequency,
        original_max_position_embeddings: scaling.originalLength,
      }
      : null,
    tie_word_embeddings: config.tiedHead,
    attention_dropout: config.attentionDropout ?? 0,
    ...(config.dropout > 0 ? { resid_dropout: config.dropout } : {}),
  };
}

function source(name: string): ParameterSource {
  const { layer, module, kind } = splitName(name);
  if (layer === undefined) {
    return { names: [`${OUTSIDE[module] ?? module}.${kind}`], transposed: false };
  }
  const parts = LINEAR[module] ?? [NORMS[module]];
  return {
    names: parts.map((part) => `model.layers.${layer}.${part}.${kind}`),
    transposed: module in LINEAR && kind === "weight",
  };
}
