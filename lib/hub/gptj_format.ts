/**
 * GPT-J's files: attention and feed-forward side by side after one norm, rotary positions on the
 * first `rotary_dim` columns of each head in neighboring pairs, a head with a bias.
 *
 * Source: `GPTJConfig` of github.com/huggingface/transformers, whose defaults are used here.
 *
 * @module
 */
import type { ModelConfig } from "../nn/config.ts";
import {
  activationName,
  ACTIVATIONS,
  type Format,
  type ParameterSource,
  readDropout,
  readLayers,
  splitName,
} from "./format.ts";
import { headSizeOf } from "../nn/block_config.ts";
import { neighborPairColumn } from "./qkv_columns.ts";

/** Folio's linear layers within a block → the file's. */
const LINEAR: Readonly<Record<string, readonly string[]>> = {
  "attn.c_attn": ["attn.q_proj", "attn.k_proj", "attn.v_proj"],
  "attn.c_proj": ["attn.out_proj"],
  "mlp.c_fc": ["mlp.fc_in"],
  "mlp.c_proj": ["mlp.fc_out"],
};

/** `"model_type": "gptj"`. */
export const gptj: Format = {
  read: (fields) => ({
    vocabSize: fields.wholeNumber("vocab_size", 50400),
    contextLength: fields.wholeNumber("n_positions", 2048),
    layers: readLayers(fields, "n_layer", 28),
    heads: fields.wholeNumber("n_head", 16),
    width: fields.wholeNumber("n_embd", 4096),
    hidden: fields.wholeNumber("n_inner", undefined),
    normEpsilon: fields.number("layer_norm_epsilon", 1e-5),
    positions: "rotary",
    rotaryDimensions: fields.wholeNumber("rotary_dim", 64),
    activation: fields.choice("activation_function", ACTIVATIONS, "gelu_new"),
    queryKeyValueBias: false,
    attentionProjectionBias: false,
    parallelResidual: true,
    sharedNorm: true,
    tiedHead: fields.boolean("tie_word_embeddings", false),
    headBias: true,
    dropout: readDropout(fields, "resid_pdrop", 0),
    embeddingDropout: readDropout(fields, "embd_pdrop", 0),
    attentionDropout: readDropout(fields, "attn_pdrop", 0),
  }),

  write: (config) => ({
    architectures: ["GPTJForCausalLM"],
    model_type: "gptj",
    vocab_size: config.vocabSize,
    n_positions: config.contextLength,
    n_embd: config.width,
    n_layer: config.layers,
    n_head: config.heads,
    n_inner: config.hidden === 4 * config.width ? null : config.hidden,
    rotary_dim: config.rotaryDimensions ?? headSizeOf(config),
    activation_function: activationName(config.activation),
    resid_pdrop: config.dropout,
    embd_pdrop: config.embeddingDropout ?? config.dropout,
    attn_pdrop: config.attentionDropout ?? 0,
    layer_norm_epsilon: config.normEpsilon,
    tie_word_embeddings: config.tiedHead,
  }),

  source(name: string, config: ModelConfig): ParameterSource {
    const { layer, module, kind } = splitName(name);
    const parts = layer === undefined ? undefined : LINEAR[module];
    if (!parts) return { names: [name], transposed: false };
    return {
      names: parts.map((part) => `transformer.h.${layer}.${part}.${kind}`),
      transposed: kind === "weight",
      column: module === "attn.c_attn" ? neighborPairColumn(config) : undefined,
    };
  },
};
