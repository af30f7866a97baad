/**
 * GPT-2's files. Folio's own parameter names and layouts follow them.
 *
 * Source: `GPT2Config` of github.com/huggingface/transformers, whose defaults are used here.
 *
 * @module
 */
import { activationName, ACTIVATIONS, type Format, readDropout, readLayers } from "./format.ts";

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
      dropout: readDropout(fields, "resid_pdrop", 0.1),
      embeddingDropout: readDropout(fields, "embd_pdrop", 0.1),
      attentionDropout: readDropout(fields, "attn_pdrop", 0.1),
      scaleAttention: fields.boolean("scale_attn_weights", true),
    };
  },

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
    embd_pdrop: config.embeddingDropout ?? config.dropout,
    attn_pdrop: config.attentionDropout ?? 0,
    layer_norm_epsilon: config.normEpsilon,
    scale_attn_weights: config.scaleAttention,
    tie_word_embeddings: config.tiedHead,
  }),

  source: (name) => ({ names: [name], transposed: false }),
};
