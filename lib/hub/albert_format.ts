/**
 * ALBERT's files: narrow embeddings, and blocks whose weights several layers share.
 *
 * Source: Lan et al., arXiv 1909.11942; `AlbertConfig` of github.com/huggingface/transformers,
 * whose defaults are used here.
 *
 * @module
 */
import type { EncoderFormat } from "./encoder_format.ts";
import { activationName, ACTIVATIONS, readDropout, readLayers } from "./format.ts";

/** `"model_type": "albert"`. */
export const albert: EncoderFormat = {
  className: "Albert",
  encoder(fields) {
    fields.only("position_embedding_type", "absolute");
    fields.only("inner_group_num", 1);
    const dropout = readDropout(fields, "hidden_dropout_prob", 0);
    return {
      vocabSize: fields.wholeNumber("vocab_size", 30000),
      contextLength: fields.wholeNumber("max_position_embeddings", 512),
      layers: readLayers(fields, "num_hidden_layers", 12),
      layerGroups: readLayers(fields, "num_hidden_groups", 1),
      heads: fields.wholeNumber("num_attention_heads", 64),
      width: fields.wholeNumber("hidden_size", 4096),
      embeddingWidth: fields.wholeNumber("embedding_size", 128),
      hidden: fields.wholeNumber("intermediate_size", 16384),
      activation: fields.choice("hidden_act", ACTIVATIONS, "gelu_new"),
      normEpsilon: fields.number("layer_norm_eps", 1e-12),
      tokenTypes: fields.wholeNumber("type_vocab_size", 2),
      // transformers drops nothing of what the feed-forward adds.
      dropout: 0,
      attentionOutputDropout: dropout,
      embeddingDropout: dropout,
      attentionDropout: readDropout(fields, "attention_probs_dropout_prob", 0),
    };
  },
  head: (fields) => ({
    poolerActivation: "tanh",
    classifierDropout: readDropout(fields, "classifier_dropout_prob", 0.1),
  }),
  maskedHead: (_, { activation }) => ({ headActivation: activation }),
  write: (config) => ({
    model_type: "albert",
    vocab_size: config.vocabSize,
    max_position_embeddings: config.contextLength,
    num_hidden_layers: config.layers,
    num_hidden_groups: config.layerGroups,
    inner_group_num: 1,
    num_attention_heads: config.heads,
    hidden_size: config.width,
    embedding_size: config.embeddingWidth,
    intermediate_size: config.hidden,
    hidden_act: activationName(config.activation),
    layer_norm_eps: config.normEpsilon,
    type_vocab_size: config.tokenTypes,
    hidden_dropout_prob: config.embeddingDropout,
    attention_probs_dropout_prob: config.attentionDropout ?? 0,
    classifier_dropout_prob: config.classifierDropout,
  }),
  names: {
    root: "albert.",
    outside: {
      tokens: "embeddings.word_embeddings",
      positions: "embeddings.position_embeddings",
      token_types: "embeddings.token_type_embeddings",
      norm: "embeddings.LayerNorm",
      embedding_projection: "encoder.embedding_hidden_mapping_in",
    },
    blocks: "encoder.albert_layer_groups",
    block: {
      "attention.query": "albert_layers.0.attention.query",
      "attention.key": "albert_layers.0.attention.key",
      "attention.value": "albert_layers.0.attention.value",
      "attention.projection": "albert_layers.0.attention.dense",
      "norm1.norm": "albert_layers.0.attention.LayerNorm",
      "feedForward.c_fc": "albert_layers.0.ffn",
      "feedForward.c_proj": "albert_layers.0.ffn_output",
      "norm2.norm": "albert_layers.0.full_layer_layer_norm",
    },
    heads: {
      pooler: "albert.pooler",
      dense: "predictions.dense",
      norm: "predictions.LayerNorm",
      logits: "predictions",
    },
    unread: /^(albert\.)?pooler\.|^(predictions|sop_classifier|classifier|qa_outputs)\./,
  },
};
