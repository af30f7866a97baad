/**
 * OPT's files: a GPT-2 with ReLU, separate query, key and value, and a position table whose first
 * two rows are never read.
 *
 * OPT-350m, whose embeddings have another width (`word_embed_proj_dim`) and which normalizes after
 * each half, is refused by name. Source: `OPTConfig` of github.com/huggingface/transformers, whose
 * defaults are used here.
 *
 * @module
 */
import {
  activationName,
  ACTIVATIONS,
  type Format,
  type ModuleNames,
  namedSource,
  readDropout,
  readLayers,
} from "./format.ts";

/** Folio's modules → the file's. */
const NAMES: ModuleNames = {
  blocks: "model.decoder.layers",
  linear: {
    "attn.c_attn": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    "attn.c_proj": ["self_attn.out_proj"],
    "mlp.c_fc": ["fc1"],
    "mlp.c_proj": ["fc2"],
  },
  norms: {
    "ln_1": "self_attn_layer_norm",
    "ln_2": "final_layer_norm",
  },
  outside: {
    "transformer.wte": "model.decoder.embed_tokens",
    "transformer.wpe": "model.decoder.embed_positions",
    "transformer.ln_f": "model.decoder.final_layer_norm",
  },
};

/** Rows of the position table before that of the first token. */
const POSITION_OFFSET = 2;

/** `"model_type": "opt"`. */
export const opt: Format = {
  read(fields) {
    const width = fields.wholeNumber("hidden_size", 768);
    fields.only("word_embed_proj_dim", width);
    fields.only("do_layer_norm_before", true);
    fields.only("_remove_final_layer_norm", false);
    fields.only("layer_norm_elementwise_affine", true);
    fields.only("layerdrop", 0);
    return {
      vocabSize: fields.wholeNumber("vocab_size", 50272),
      contextLength: fields.wholeNumber("max_position_embeddings", 2048),
      layers: readLayers(fields, "num_hidden_layers", 12),
      heads: fields.wholeNumber("num_attention_heads", 12),
      width,
      hidden: fields.wholeNumber("ffn_dim", 3072),
      activation: fields.choice("activation_function", ACTIVATIONS, "relu"),
      bias: fields.boolean("enable_bias", true),
      tiedHead: fields.boolean("tie_word_embeddings", true),
      dropout: readDropout(fields, "dropout", 0.1),
      embeddingDropout: 0,
      attentionDropout: readDropout(fields, "attention_dropout", 0),
    };
  },

  write: (config) => ({
    architectures: ["OPTForCausalLM"],
    model_type: "opt",
    vocab_size: config.vocabSize,
    max_position_embeddings: config.contextLength,
    hidden_size: config.width,
    word_embed_proj_dim: config.width,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    ffn_dim: config.hidden,
    activation_function: activationName(config.activation),
    do_layer_norm_before: true,
    enable_bias: config.bias,
    dropout: config.dropout,
    attention_dropout: config.attentionDropout ?? 0,
    layerdrop: 0,
    tie_word_embeddings: config.tiedHead,
  }),

  source: (name) => ({
    ...namedSource(name, NAMES),
    skippedRows: name === "transformer.wpe.weight" ? POSITION_OFFSET : 0,
  }),
};
