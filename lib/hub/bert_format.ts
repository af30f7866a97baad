/**
 * The files of BERT, RoBERTa, XLM-RoBERTa, CamemBERT and DistilBERT.
 *
 * Source: `BertConfig`, `RobertaConfig`, `XLMRobertaConfig` and `DistilBertConfig` of
 * github.com/huggingface/transformers, whose defaults are used here.
 *
 * @module
 */
import type { EncoderConfig } from "../nn/encoder.ts";
import { type ConfigFields, unexpected } from "./config_fields.ts";
import type { CompleteEncoder, EncoderFormat, EncoderNames } from "./encoder_format.ts";
import { activationName, ACTIVATIONS, readDropout, readLayers } from "./format.ts";

/** BERT's modules outside its blocks. */
const OUTSIDE: EncoderNames["outside"] = {
  tokens: "embeddings.word_embeddings",
  positions: "embeddings.position_embeddings",
  token_types: "embeddings.token_type_embeddings",
  norm: "embeddings.LayerNorm",
};

/** BERT's modules within a block. */
const BLOCK: EncoderNames["block"] = {
  "attention.query": "attention.self.query",
  "attention.key": "attention.self.key",
  "attention.value": "attention.self.value",
  "attention.projection": "attention.output.dense",
  "norm1.norm": "attention.output.LayerNorm",
  "feedForward.c_fc": "intermediate.dense",
  "feedForward.c_proj": "output.dense",
  "norm2.norm": "output.LayerNorm",
};

/** `"model_type": "bert"`. */
export const bert: EncoderFormat = {
  className: "Bert",
  encoder: (fields) => ({
    ...readEncoder(fields),
    contextLength: fields.wholeNumber("max_position_embeddings", 512),
  }),
  head: (fields, { dropout = 0 }) => ({
    poolerActivation: "tanh",
    classifierDropout: readDropout(fields, "classifier_dropout", dropout),
  }),
  maskedHead: (_, { activation }) => ({ headActivation: activation }),
  write: (config) => ({
    model_type: "bert",
    ...writeEncoder(config),
    max_position_embeddings: config.contextLength,
  }),
  names: {
    root: "bert.",
    outside: OUTSIDE,
    blocks: "encoder.layer",
    block: BLOCK,
    heads: {
      pooler: "bert.pooler.dense",
      dense: "cls.predictions.transform.dense",
      norm: "cls.predictions.transform.LayerNorm",
      logits: "cls.predictions",
    },
    unread: /^(bert\.)?pooler\.|^(cls|classifier|qa_outputs)\./,
  },
};

/**
 * `"model_type": "roberta"`: a BERT whose positions begin behind the padding's.
 *
 * transformers gives every padding token the padding's position, and does not count it. Here
 * padding is at the end of a sequence, where no position matters, and positions do not depend on
 * ids: a text in which the padding token is written out is refused.
 */
export const roberta = robertaFormat("roberta", "Roberta", 50265);

/** `"model_type": "xlm-roberta"`. */
export const xlmRoberta = robertaFormat("xlm-roberta", "XLMRoberta", 30522);

/** `"model_type": "camembert"`. */
export const camembert = robertaFormat("camembert", "Camembert", 32005);

function robertaFormat(
  type: string,
  className: string,
  vocabSize: number,
): EncoderFormat & { readonly names: EncoderNames } {
  return {
    className,
    encoder(fields) {
      const rows = fields.wholeNumber("max_position_embeddings", 512);
      const contextLength = rows - firstPosition(fields);
      if (contextLength < 1) {
        throw unexpected("max_position_embeddings", "more than pad_token_id + 1", rows);
      }
      return {
        ...readEncoder(fields),
        vocabSize: fields.wholeNumber("vocab_size", vocabSize),
        contextLength,
      };
    },
    head(fields, { dropout = 0 }) {
      const rate = readDropout(fields, "classifier_dropout", dropout);
      return { poolerActivation: "tanh", poolerDropout: rate, classifierDropout: rate };
    },
    maskedHead: () => ({ headActivation: "gelu" }),
    write: (config, { padToken = 1 }) => ({
      model_type: type,
      ...writeEncoder(config),
      max_position_embeddings: config.contextLength + padToken + 1,
      pad_token_id: padToken,
    }),
    skippedPositions: firstPosition,
    names: {
      root: "roberta.",
      outside: OUTSIDE,
      blocks: "encoder.layer",
      block: BLOCK,
      heads: {
        pooler: "classifier.dense",
        classifier: "classifier.out_proj",
        dense: "lm_head.dense",
        norm: "lm_head.layer_norm",
        logits: "lm_head",
      },
      unread: /^(roberta\.)?pooler\.|^(lm_head|classifier|qa_outputs)\./,
    },
  };
}

/** The row of the first token's position: the one after that of the padding token. */
function firstPosition(fields: ConfigFields): number {
  return fields.wholeNumber("pad_token_id", 1, 0) + 1;
}

/** `"model_type": "distilbert"`. */
export const distilbert: EncoderFormat = {
  className: "DistilBert",
  encoder: (fields) => ({
    vocabSize: fields.wholeNumber("vocab_size", 30522),
    contextLength: fields.wholeNumber("max_position_embeddings", 512),
    layers: readLayers(fields, "n_layers", 6),
    heads: fields.wholeNumber("n_heads", 12),
    width: fields.wholeNumber("dim", 768),
    hidden: fields.wholeNumber("hidden_dim", 3072),
    activation: fields.choice("activation", ACTIVATIONS, "gelu"),
    normEpsilon: 1e-12,
    tokenTypes: 0,
    dropout: readDropout(fields, "dropout", 0.1),
    attentionOutputDropout: 0,
    attentionDropout: readDropout(fields, "attention_dropout", 0.1),
  }),
  head: (fields) => ({
    poolerActivation: "relu",
    classifierDropout: readDropout(fields, "seq_classif_dropout", 0.2),
  }),
  maskedHead: (_, { activation }) => ({ headActivation: activation }),
  write: (config) => ({
    model_type: "distilbert",
    vocab_size: config.vocabSize,
    max_position_embeddings: config.contextLength,
    n_layers: config.layers,
    n_heads: config.heads,
    dim: config.width,
    hidden_dim: config.hidden,
    activation: activationName(config.activation),
    dropout: config.dropout,
    attention_dropout: config.attentionDropout ?? 0,
    seq_classif_dropout: config.classifierDropout,
  }),
  names: {
    root: "distilbert.",
    outside: OUTSIDE,
    blocks: "transformer.layer",
    block: {
      "attention.query": "attention.q_lin",
      "attention.key": "attention.k_lin",
      "attention.value": "attention.v_lin",
      "attention.projection": "attention.out_lin",
      "norm1.norm": "sa_layer_norm",
      "feedForward.c_fc": "ffn.lin1",
      "feedForward.c_proj": "ffn.lin2",
      "norm2.norm": "output_layer_norm",
    },
    heads: {
      pooler: "pre_classifier",
      dense: "vocab_transform",
      norm: "vocab_layer_norm",
      logits: "vocab_projector",
    },
    unread: /^(pre_classifier|classifier|qa_outputs|vocab_\w+)\./,
  },
};

/** The fields that BERT and RoBERTa share. */
function readEncoder(fields: ConfigFields): Omit<EncoderConfig, "contextLength"> {
  fields.only("position_embedding_type", "absolute");
  fields.only("is_decoder", false);
  return {
    vocabSize: fields.wholeNumber("vocab_size", 30522),
    layers: readLayers(fields, "num_hidden_layers", 12),
    heads: fields.wholeNumber("num_attention_heads", 12),
    width: fields.wholeNumber("hidden_size", 768),
    hidden: fields.wholeNumber("intermediate_size", 3072),
    activation: fields.choice("hidden_act", ACTIVATIONS, "gelu"),
    normEpsilon: fields.number("layer_norm_eps", 1e-12),
    tokenTypes: fields.wholeNumber("type_vocab_size", 2),
    dropout: readDropout(fields, "hidden_dropout_prob", 0.1),
    attentionDropout: readDropout(fields, "attention_probs_dropout_prob", 0.1),
  };
}

/** The fields that BERT and RoBERTa share. */
function writeEncoder(config: CompleteEncoder): Record<string, unknown> {
  const { dropout, classifierDropout } = config;
  return {
    vocab_size: config.vocabSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    hidden_size: config.width,
    intermediate_size: config.hidden,
    hidden_act: activationName(config.activation),
    layer_norm_eps: config.normEpsilon,
    type_vocab_size: config.tokenTypes,
    hidden_dropout_prob: dropout,
    attention_probs_dropout_prob: config.attentionDropout ?? 0,
    classifier_dropout: classifierDropout === dropout ? null : classifierDropout,
  };
}
