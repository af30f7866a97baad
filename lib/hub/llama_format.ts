/**
 * The Llama family's files: Llama (SmolLM2 is one), Mistral (a window) and Qwen2 (biases of query,
 * key and value). Qwen3, SmolLM3, Gemma and Phi-3 build on the fields and names here.
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
  type ModuleNames,
  namedSource,
  type ParameterSource,
  readDropout,
  readLayers,
} from "./format.ts";
import { readLateWindows, writeWindows } from "./layer_types.ts";
import {
  longestContext,
  readRotary,
  type RotaryFieldOptions,
  writeRotary,
} from "./rotary_fields.ts";

/** Folio's modules → the file's. */
const NAMES: ModuleNames = {
  blocks: "model.layers",
  linear: {
    "attn.c_attn": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    "attn.c_proj": ["self_attn.o_proj"],
    "mlp.c_fc": ["mlp.up_proj"],
    "mlp.c_gate": ["mlp.gate_proj"],
    "mlp.c_proj": ["mlp.down_proj"],
  },
  norms: {
    "ln_1": "input_layernorm",
    "ln_2": "post_attention_layernorm",
    "attn.q_norm": "self_attn.q_norm",
    "attn.k_norm": "self_attn.k_norm",
  },
  outside: {
    "transformer.wte": "model.embed_tokens",
    "transformer.ln_f": "model.norm",
  },
};

/** The defaults of a family's fields; those left out are Llama's. */
export interface LlamaDefaults {
  readonly vocabSize?: number;
  readonly contextLength?: number;
  readonly layers?: number;
  readonly heads?: number;
  /** Default: `num_attention_heads`. */
  readonly keyValueHeads?: number;
  readonly width?: number;
  /** Default: width / heads. */
  readonly headSize?: number;
  readonly hidden?: number;
  readonly normEpsilon?: number;
  readonly rotary?: RotaryFieldOptions;
  readonly tiedHead?: boolean;
}

/** `"model_type": "llama"`. */
export const llama: Format = {
  read: (fields) => ({
    ...readLlama(fields),
    ...readBiases(fields),
    bias: fields.boolean("mlp_bias", false),
  }),
  write: (config) => ({
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    ...writeLlama(config),
    attention_bias: config.queryKeyValueBias,
    mlp_bias: config.bias,
  }),
  source: llamaSource,
};

/**
 * `"model_type": "mistral"`: a Llama with a window of `sliding_window` tokens in every layer,
 * 4,096 by default; no window if the file has null.
 */
export const mistral: Format = {
  read(fields) {
    const input = readLlama(fields, { contextLength: 131072, hidden: 14336, keyValueHeads: 8 });
    const hasNone = fields.has("sliding_window") && fields.get("sliding_window") === undefined;
    const window = hasNone ? undefined : fields.wholeNumber("sliding_window", 4096);
    const windows = window === undefined ? undefined : Array(input.layers).fill(window);
    return { ...input, window: windows };
  },
  write: (config) => ({
    architectures: ["MistralForCausalLM"],
    model_type: "mistral",
    ...writeLlama(config),
    sliding_window: config.window?.[0] ?? null,
  }),
  source: llamaSource,
};

/**
 * `"model_type": "qwen2"`: a Llama with biases of query, key and value and, in later layers, a
 * window if the file says so.
 */
export const qwen2: Format = {
  read(fields) {
    const input = readLlama(fields, { vocabSize: 151936, contextLength: 32768, hidden: 22016 });
    const window = readLateWindows(fields, input.layers);
    return { ...input, queryKeyValueBias: true, window };
  },
  write: (config) => ({
    architectures: ["Qwen2ForCausalLM"],
    model_type: "qwen2",
    ...writeLlama(config),
    ...writeWindows(config),
  }),
  source: llamaSource,
};

/** `attention_bias`: biases of query, key, value and output. */
export function readBiases(
  fields: ConfigFields,
): Pick<ModelConfigInput, "queryKeyValueBias" | "attentionProjectionBias"> {
  const bias = fields.boolean("attention_bias", false);
  return { queryKeyValueBias: bias, attentionProjectionBias: bias };
}

/** The fields that the family has in common; no biases. */
export function readLlama(fields: ConfigFields, defaults: LlamaDefaults = {}): ModelConfigInput {
  const heads = fields.wholeNumber("num_attention_heads", defaults.heads ?? 32);
  const width = fields.wholeNumber("hidden_size", defaults.width ?? 4096);
  const headSize = fields.wholeNumber("head_dim", defaults.headSize);
  const stated = fields.wholeNumber("max_position_embeddings", defaults.contextLength ?? 2048);
  const rotary = readRotary(fields, headSizeOf({ width, heads, headSize }), defaults.rotary);
  return {
    vocabSize: fields.wholeNumber("vocab_size", defaults.vocabSize ?? 32000),
    contextLength: Math.min(stated, longestContext(rotary)),
    layers: readLayers(fields, "num_hidden_layers", defaults.layers ?? 32),
    heads,
    keyValueHeads: fields.wholeNumber("num_key_value_heads", defaults.keyValueHeads ?? heads),
    width,
    headSize,
    hidden: fields.wholeNumber("intermediate_size", defaults.hidden ?? 11008),
    norm: "rms",
    normEpsilon: fields.number("rms_norm_eps", defaults.normEpsilon ?? 1e-6),
    ...rotary,
    activation: fields.choice("hidden_act", ACTIVATIONS, "silu"),
    gated: true,
    bias: false,
    tiedHead: fields.boolean("tie_word_embeddings", defaults.tiedHead ?? false),
    dropout: readDropout(fields, "resid_dropout", 0),
    attentionDropout: readDropout(fields, "attention_dropout", 0),
  };
}

/** The fields that `readLlama` reads. */
export function writeLlama(config: ModelConfig): Record<string, unknown> {
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
    resid_dropout: config.dropout > 0 ? config.dropout : undefined, // JSON omits undefined
  };
}

/** Where the family keeps a parameter. */
export function llamaSource(name: string): ParameterSource {
  return namedSource(name, NAMES);
}
