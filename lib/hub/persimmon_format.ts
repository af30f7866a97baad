/**
 * Persimmon's files: layer norms, of queries and keys too, rotary positions on a part of each head,
 * ReLU², an untied head, queries, keys and values interleaved by head. Runs of the preset `modern`
 * are saved as such.
 *
 * Source: `PersimmonConfig` of github.com/huggingface/transformers, whose defaults are used here.
 *
 * @module
 */
import {
  activationName,
  ACTIVATIONS,
  type Format,
  type ModuleNames,
  readDropout,
  readLayers,
} from "./format.ts";
import { headMajorSource } from "./qkv_columns.ts";
import { readRotary, writeRotary } from "./rotary_fields.ts";

/** Folio's modules → the file's. */
const NAMES: ModuleNames = {
  blocks: "model.layers",
  linear: {
    "attn.c_attn": "self_attn.query_key_value",
    "attn.c_proj": "self_attn.dense",
    "mlp.c_fc": "mlp.dense_h_to_4h",
    "mlp.c_proj": "mlp.dense_4h_to_h",
  },
  norms: {
    "ln_1": "input_layernorm",
    "ln_2": "post_attention_layernorm",
    "attn.q_norm": "self_attn.q_layernorm",
    "attn.k_norm": "self_attn.k_layernorm",
  },
  outside: {
    "transformer.wte": "model.embed_tokens",
    "transformer.ln_f": "model.final_layernorm",
  },
};

/** `"model_type": "persimmon"`. */
export const persimmon: Format = {
  read(fields) {
    const heads = fields.wholeNumber("num_attention_heads", 64);
    const width = fields.wholeNumber("hidden_size", 4096);
    return {
      vocabSize: fields.wholeNumber("vocab_size", 262144),
      contextLength: fields.wholeNumber("max_position_embeddings", 16384),
      layers: readLayers(fields, "num_hidden_layers", 36),
      heads,
      width,
      hidden: fields.wholeNumber("intermediate_size", 16384),
      normEpsilon: fields.number("layer_norm_eps", 1e-5),
      queryKeyNorm: fields.boolean("qk_layernorm", true),
      ...readRotary(fields, width / heads, { share: 0.5 }),
      activation: fields.choice("hidden_act", ACTIVATIONS, "relu2"),
      tiedHead: fields.boolean("tie_word_embeddings", false),
      dropout: readDropout(fields, "hidden_dropout", 0),
      embeddingDropout: 0,
      attentionOutputDropout: 0,
      attentionDropout: readDropout(fields, "attention_dropout", 0),
    };
  },

  write(config) {
    const { partial_rotary_factor = 1, ...rope } = writeRotary(config);
    return {
      architectures: ["PersimmonForCausalLM"],
      model_type: "persimmon",
      vocab_size: config.vocabSize,
      max_position_embeddings: config.contextLength,
      hidden_size: config.width,
      intermediate_size: config.hidden,
      num_hidden_layers: config.layers,
      num_attention_heads: config.heads,
      layer_norm_eps: config.normEpsilon,
      qk_layernorm: config.queryKeyNorm,
      ...rope,
      partial_rotary_factor,
      hidden_act: activationName(config.activation),
      hidden_dropout: config.dropout,
      attention_dropout: config.attentionDropout ?? 0,
      tie_word_embeddings: config.tiedHead,
    };
  },

  source: (name, config) => headMajorSource(name, NAMES, config),
};
