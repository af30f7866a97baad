/**
 * GPT-NeoX's files, Pythia's among them: attention and feed-forward side by side, rotary positions
 * on a part of each head, queries, keys and values interleaved by head.
 *
 * Source: `GPTNeoXConfig` of github.com/huggingface/transformers, whose defaults are used here.
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
  blocks: "gpt_neox.layers",
  linear: {
    "attn.c_attn": "attention.query_key_value",
    "attn.c_proj": "attention.dense",
    "mlp.c_fc": "mlp.dense_h_to_4h",
    "mlp.c_proj": "mlp.dense_4h_to_h",
  },
  norms: {
    "ln_1": "input_layernorm",
    "ln_2": "post_attention_layernorm",
  },
  outside: {
    "transformer.wte": "gpt_neox.embed_in",
    "transformer.ln_f": "gpt_neox.final_layer_norm",
    "lm_head": "embed_out",
  },
};

/** `"model_type": "gpt_neox"`. */
export const gptNeoX: Format = {
  read(fields) {
    const heads = fields.wholeNumber("num_attention_heads", 64);
    const width = fields.wholeNumber("hidden_size", 6144);
    const rotary = { baseName: "rotary_emb_base", share: 0.25, shareName: "rotary_pct" };
    const attentionBias = fields.boolean("attention_bias", true);
    return {
      vocabSize: fields.wholeNumber("vocab_size", 50432),
      contextLength: fields.wholeNumber("max_position_embeddings", 2048),
      layers: readLayers(fields, "num_hidden_layers", 44),
      heads,
      width,
      hidden: fields.wholeNumber("intermediate_size", 24576),
      normEpsilon: fields.number("layer_norm_eps", 1e-5),
      ...readRotary(fields, width / heads, rotary),
      activation: fields.choice("hidden_act", ACTIVATIONS, "gelu"),
      queryKeyValueBias: attentionBias,
      attentionProjectionBias: attentionBias,
      parallelResidual: fields.boolean("use_parallel_residual", true),
      tiedHead: fields.boolean("tie_word_embeddings", false),
      dropout: readDropout(fields, "hidden_dropout", 0),
      attentionDropout: readDropout(fields, "attention_dropout", 0),
    };
  },

  write(config) {
    const { rope_theta, partial_rotary_factor = 1, ...rope } = writeRotary(config);
    return {
      architectures: ["GPTNeoXForCausalLM"],
      model_type: "gpt_neox",
      vocab_size: config.vocabSize,
      max_position_embeddings: config.contextLength,
      hidden_size: config.width,
      intermediate_size: config.hidden,
      num_hidden_layers: config.layers,
      num_attention_heads: config.heads,
      layer_norm_eps: config.normEpsilon,
      hidden_act: activationName(config.activation),
      rotary_emb_base: rope_theta,
      rotary_pct: partial_rotary_factor,
      ...rope,
      attention_bias: config.queryKeyValueBias,
      use_parallel_residual: config.parallelResidual,
      hidden_dropout: config.dropout,
      attention_dropout: config.attentionDropout ?? 0,
      tie_word_embeddings: config.tiedHead,
    };
  },

  source: (name, config) => headMajorSource(name, NAMES, config),
};
