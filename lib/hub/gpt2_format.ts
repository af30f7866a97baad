/**
 * GPT-2's files. Its names and layouts are Folio's own.
 *
 * Source: `GPT2Config` of github.com/huggingface/transformers, whose defaults stand here.
 *
 * @module
 */
import {
  activationName,
  ACTIVATIONS,
  type Format,
  hasEqualHeads,
  hasWindow,
  readLayers,
} from "./format.ts";

/** `"model_type": "gpt2"`. */
export const gpt2: Format = {
  read(fields) {
    fields.only("scale_attn_by_inverse_layer_idx", false);
    fields.only("add_cross_attention", false);
    return {
      vocabSize: fields.wholeNumber("vocab_size", 50257),
      contextLength: fields.wholeNumber("n_positions", fields.wholeNumber("n_ctx", 1024)),
      layers: readLayers(fields, "n_layer", 12),
      heads: fields.wholeNumber("n_head", 12),
      width: fields.wholeNumber("n_embd", 768),
      hidden: fields.wholeNumber("n_inner", undefined),
      normEpsilon: fields.number("layer_norm_epsilon", 1e-5),
      activation: fields.choice("activation_function", ACTIVATIONS, "gelu_new"),
      tiedHead: fields.boolean("tie_word_embeddings", true),
      dropout: fields.number("resid_pdrop", 0.1),
      scaleAttention: fields.boolean("scale_attn_weights", true),
    };
  },

  expresses: (config) =>
    config.norm === "layer" && config.normPlacement === "pre" && config.positions === "learned" &&
    config.bias && config.queryKeyValueBias && !config.gated && !config.headBias &&
    hasEqualHeads(config) && !hasWindow(config),

  write: (config) => ({
    architectures: ["GPT2LMHeadModel"],
    model_type: "gpt2",
    vocab_size: config.vocabSize,
    n_positions: config.contextLength,
    n_ctx: config.contextLength,
    n_embd: config.width,
    n_layer: config.layers,
    n_head: config.heads,
    n_inner: config.hidden === 4 * config.width ? null : config.hidden,
    activation_function: activationName(config.activation),
    resid_pdrop: config.dropout,
    embd_pdrop: config.dropout,
    attn_pdrop: 0,
    layer_norm_epsilon: config.normEpsilon,
    scale_attn_weights: config.scaleAttention,
    tie_word_embeddings: config.tiedHead,
  }),

  source: (name) => ({ names: [name], transposed: false }),
};
