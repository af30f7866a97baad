/**
 * BLOOM's files: ALiBi instead of position vectors, a norm of the embeddings, queries, keys and
 * values interleaved by head.
 *
 * The context length is `seq_length`, which ALiBi may exceed. Source: `BloomConfig` of
 * github.com/huggingface/transformers, whose defaults are used here.
 *
 * @module
 */
import { type Format, type ModuleNames, readDropout, readLayers } from "./format.ts";
import { headMajorSource } from "./qkv_columns.ts";

/** Folio's modules → the file's. */
const NAMES: ModuleNames = {
  blocks: "transformer.h",
  linear: {
    "attn.c_attn": "self_attention.query_key_value",
    "attn.c_proj": "self_attention.dense",
    "mlp.c_fc": "mlp.dense_h_to_4h",
    "mlp.c_proj": "mlp.dense_4h_to_h",
  },
  norms: {
    "ln_1": "input_layernorm",
    "ln_2": "post_attention_layernorm",
  },
  outside: {
    "transformer.wte": "transformer.word_embeddings",
    "transformer.ln_e": "transformer.word_embeddings_layernorm",
  },
};

/** `"model_type": "bloom"`. */
export const bloom: Format = {
  read(fields) {
    fields.only("apply_residual_connection_post_layernorm", false);
    const width = fields.wholeNumber("hidden_size", 64);
    return {
      vocabSize: fields.wholeNumber("vocab_size", 250880),
      contextLength: fields.wholeNumber("seq_length", 2048),
      layers: readLayers(fields, "n_layer", readLayers(fields, "num_hidden_layers", 2)),
      heads: fields.wholeNumber("n_head", fields.wholeNumber("num_attention_heads", 8)),
      width: fields.wholeNumber("n_embed", width),
      normEpsilon: fields.number("layer_norm_epsilon", 1e-5),
      positions: "alibi",
      embeddingNorm: true,
      tiedHead: fields.boolean("tie_word_embeddings", true),
      dropout: readDropout(fields, "hidden_dropout", 0),
      embeddingDropout: 0,
      attentionDropout: readDropout(fields, "attention_dropout", 0),
    };
  },

  write: (config) => ({
    architectures: ["BloomForCausalLM"],
    model_type: "bloom",
    vocab_size: config.vocabSize,
    seq_length: config.contextLength,
    hidden_size: config.width,
    n_layer: config.layers,
    n_head: config.heads,
    layer_norm_epsilon: config.normEpsilon,
    apply_residual_connection_post_layernorm: false,
    hidden_dropout: config.dropout,
    attention_dropout: config.attentionDropout ?? 0,
    tie_word_embeddings: config.tiedHead,
  }),

  source: (name, config) => headMajorSource(name, NAMES, config),
};
