/**
 * The files of Phi-1, 1.5 and 2: attention and feed-forward side by side after one norm, rotary
 * positions on a part of each head, a head with a bias.
 *
 * Source: `PhiConfig` of github.com/huggingface/transformers, whose defaults are used here.
 *
 * @module
 */
import { headSizeOf } from "../nn/block_config.ts";
import {
  activationName,
  ACTIVATIONS,
  type Format,
  type ModuleNames,
  namedSource,
  readDropout,
  readLayers,
} from "./format.ts";
import { readRotary, writeRotary } from "./rotary_fields.ts";

/** Folio's modules → the file's. */
const NAMES: ModuleNames = {
  blocks: "model.layers",
  linear: {
    "attn.c_attn": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    "attn.c_proj": ["self_attn.dense"],
    "mlp.c_fc": ["mlp.fc1"],
    "mlp.c_proj": ["mlp.fc2"],
  },
  norms: {
    "ln_1": "input_layernorm",
    "attn.q_norm": "self_attn.q_layernorm",
    "attn.k_norm": "self_attn.k_layernorm",
  },
  outside: {
    "transformer.wte": "model.embed_tokens",
    "transformer.ln_f": "model.final_layernorm",
  },
};

/** `"model_type": "phi"`. */
export const phi: Format = {
  read(fields) {
    const heads = fields.wholeNumber("num_attention_heads", 32);
    const width = fields.wholeNumber("hidden_size", 2048);
    return {
      vocabSize: fields.wholeNumber("vocab_size", 51200),
      contextLength: fields.wholeNumber("max_position_embeddings", 2048),
      layers: readLayers(fields, "num_hidden_layers", 24),
      heads,
      keyValueHeads: fields.wholeNumber("num_key_value_heads", heads),
      width,
      hidden: fields.wholeNumber("intermediate_size", 8192),
      normEpsilon: fields.number("layer_norm_eps", 1e-5),
      queryKeyNorm: fields.boolean("qk_layernorm", false),
      ...readRotary(fields, width / heads, { share: 0.5 }),
      activation: fields.choice("hidden_act", ACTIVATIONS, "gelu_new"),
      parallelResidual: true,
      sharedNorm: true,
      tiedHead: fields.boolean("tie_word_embeddings", false),
      headBias: true,
      dropout: readDropout(fields, "resid_pdrop", 0),
      embeddingDropout: readDropout(fields, "embd_pdrop", 0),
      attentionDropout: readDropout(fields, "attention_dropout", 0),
    };
  },

  write: (config) => ({
    architectures: ["PhiForCausalLM"],
    model_type: "phi",
    vocab_size: config.vocabSize,
    max_position_embeddings: config.contextLength,
    hidden_size: config.width,
    intermediate_size: config.hidden,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.keyValueHeads ?? config.heads,
    layer_norm_eps: config.normEpsilon,
    qk_layernorm: config.queryKeyNorm,
    hidden_act: activationName(config.activation),
    ...writeRotary(config),
    partial_rotary_factor: (config.rotaryDimensions ?? headSizeOf(config)) / headSizeOf(config),
    resid_pdrop: config.dropout,
    embd_pdrop: config.embeddingDropout ?? config.dropout,
    attention_dropout: config.attentionDropout ?? 0,
    tie_word_embeddings: config.tiedHead,
  }),

  source: (name) => namedSource(name, NAMES),
};
