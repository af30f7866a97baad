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
import type { ConfigFields } from "./config_fields.ts";
import {
  activationName,
  ACTIVATIONS,
  type Format,
  type ParameterSource,
  readDropout,
  readLayers,
  splitName,
} from "./format.ts";
import { readRotary, writeRotary } from "./rotary_fields.ts";

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
 * `"model_type": "mistral"`: a Llama with a window of `sliding_window` tokens in every layer,
 * 4,096 by default; no window if the file has null.
 */
export const mistral: Format = {
  read(fields) {
    const input = readCommon(fields, 131072, 1e-6);
    const hasNone = fields.has("sliding_window") && fields.get("sliding_window") === undefined;
    const window = hasNone ? undefined : fields.wholeNumber("sliding_window", 4096);
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
  const width = fields.wholeNumber("hidden_size", 4096);
  const headSize = fields.wholeNumber("head_dim", undefined);
  return {
    vocabSize: fields.wholeNumber("vocab_size", 32000),
    contextLength: fields.wholeNumber("max_position_embeddings", contextLength),
    layers: readLayers(fields, "num_hidden_layers", 32),
    heads,
    keyValueHeads: fields.wholeNumber("num_key_value_heads", heads),
    width,
    headSize,
    hidden: fields.wholeNumber("intermediate_size", 11008),
    norm: "rms",
    normEpsilon: fields.number("rms_norm_eps", epsilon),
    ...readRotary(fields, headSizeOf({ width, heads, headSize })),
    activation: fields.choice("hidden_act", ACTIVATIONS, "silu"),
    gated: true,
    tiedHead: fields.boolean("tie_word_embeddings", false),
    dropout: readDropout(fields, "resid_dropout", 0),
    attentionDropout: readDropout(fields, "attention_dropout", 0),
  } satisfies ModelConfigInput;
}

function writeCommon(config: ModelConfig): Record<string, unknown> {
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
    ...writeRotary(config),
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
