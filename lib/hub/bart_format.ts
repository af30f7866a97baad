/**
 * BART's files: post-norm blocks, learned positions, a norm of the embeddings, a tied head.
 *
 * Source: Lewis et al., arXiv 1910.13461; `BartConfig` of github.com/huggingface/transformers,
 * whose defaults are used here.
 *
 * @module
 */
import { type ConfigFields, unexpected } from "./config_fields.ts";
import type { EncoderDecoderFormat, SideNames } from "./encoder_decoder_format.ts";
import { activationName, ACTIVATIONS, readDropout, readLayers } from "./format.ts";

/** `"model_type": "bart"`. */
export const bart: EncoderDecoderFormat = {
  read(fields) {
    const vocabSize = fields.wholeNumber("vocab_size", 50265);
    const width = fields.wholeNumber("d_model", 1024);
    fields.only("tie_word_embeddings", true); // otherwise each side has a token table of its own
    fields.only("normalize_before", false);
    fields.only("add_final_layer_norm", false);
    fields.only("static_position_embeddings", false);
    fields.only("normalize_embedding", true);
    fields.only("encoder_layerdrop", 0);
    fields.only("decoder_layerdrop", 0);
    return {
      sourceVocabSize: vocabSize,
      targetVocabSize: vocabSize,
      sharedTokens: true,
      contextLength: fields.wholeNumber("max_position_embeddings", 1024),
      layers: readLayers(fields, "encoder_layers", 12),
      decoderLayers: readLayers(fields, "decoder_layers", 12),
      heads: same(fields, "attention_heads", 16),
      width,
      hidden: same(fields, "ffn_dim", 4096),
      activation: fields.choice("activation_function", ACTIVATIONS, "gelu"),
      positions: "learned",
      embeddingScale: fields.boolean("scale_embedding", false) ? Math.sqrt(width) : 1,
      embeddingNorm: true,
      tiedHead: true,
      headBias: false,
      dropout: readDropout(fields, "dropout", 0.1),
      attentionDropout: readDropout(fields, "attention_dropout", 0),
      activationDropout: readDropout(fields, "activation_dropout", 0),
    };
  },
  write: (config) => ({
    model_type: "bart",
    architectures: ["BartForConditionalGeneration"],
    vocab_size: config.targetVocabSize,
    max_position_embeddings: config.contextLength,
    d_model: config.width,
    encoder_layers: config.layers,
    decoder_layers: config.decoderLayers,
    encoder_attention_heads: config.heads,
    decoder_attention_heads: config.heads,
    encoder_ffn_dim: config.hidden,
    decoder_ffn_dim: config.hidden,
    activation_function: activationName(config.activation),
    scale_embedding: config.embeddingScale !== 1,
    tie_word_embeddings: true,
    dropout: config.dropout,
    attention_dropout: config.attentionDropout ?? 0,
    activation_dropout: config.activationDropout ?? 0,
  }),
  startToken: (fields) => fields.wholeNumber("decoder_start_token_id", 2, 0),
  names: () => ({
    tokens: "model.shared",
    encoder: side("encoder", {}),
    decoder: side("decoder", {
      ...attention("encoder_attn", "crossAttention"),
      "crossNorm.norm": "encoder_attn_layer_norm",
    }),
    skippedPositions: 2,
    unread: /^(model\.)?(encoder|decoder)\.embed_tokens\.weight$/,
    zeros: /^final_logits_bias$/,
  }),
};

function side(name: string, more: SideNames["block"]): SideNames {
  return {
    outside: {
      positions: `model.${name}.embed_positions`,
      embedding_norm: `model.${name}.layernorm_embedding`,
    },
    blocks: `model.${name}.layers`,
    block: {
      ...attention("self_attn", "attention"),
      "norm1.norm": "self_attn_layer_norm",
      ...more,
      "feedForward.c_fc": "fc1",
      "feedForward.c_proj": "fc2",
      "norm2.norm": "final_layer_norm",
    },
  };
}

function attention(stored: string, own: string): SideNames["block"] {
  return {
    [`${own}.query`]: `${stored}.q_proj`,
    [`${own}.key`]: `${stored}.k_proj`,
    [`${own}.value`]: `${stored}.v_proj`,
    [`${own}.projection`]: `${stored}.out_proj`,
  };
}

/** A size of which encoder and decoder have the same. */
function same(fields: ConfigFields, name: string, fallback: number): number {
  const [encoder, decoder] = ["encoder", "decoder"]
    .map((side) => fields.wholeNumber(`${side}_${name}`, fallback));
  if (encoder === decoder) return encoder;
  throw unexpected(`decoder_${name}`, `the encoder's, ${encoder}`, decoder);
}
