/**
 * T5's files, those of T5 1.1 and Flan-T5 among them: relative positions, RMS norms, scores that
 * are not scaled, no biases.
 *
 * Source: Raffel et al., arXiv 1910.10683; `T5Config` of github.com/huggingface/transformers, whose
 * defaults are used here.
 *
 * @module
 */
import { type ConfigFields, unexpected } from "./config_fields.ts";
import type {
  CompleteTransformer,
  EncoderDecoderFormat,
  SideNames,
} from "./encoder_decoder_format.ts";
import { activationName, ACTIVATIONS, readDropout, readLayers } from "./format.ts";

/** `"model_type": "t5"`. */
export const t5: EncoderDecoderFormat = {
  read(fields) {
    const layers = readLayers(fields, "num_layers", 6);
    const vocabSize = fields.wholeNumber("vocab_size", 32128);
    const width = fields.wholeNumber("d_model", 512);
    const isTied = fields.boolean("tie_word_embeddings", true);
    const isScaled = fields.boolean("scale_decoder_outputs", isTied);
    const dropout = readDropout(fields, "dropout_rate", 0.1);
    return {
      sourceVocabSize: vocabSize,
      targetVocabSize: vocabSize,
      sharedTokens: true,
      contextLength: fields.wholeNumber("n_positions", 512),
      layers,
      decoderLayers: readLayers(fields, "num_decoder_layers", layers),
      heads: fields.wholeNumber("num_heads", 8),
      headSize: fields.wholeNumber("d_kv", 64),
      width,
      hidden: fields.wholeNumber("d_ff", 2048),
      ...readFeedForward(fields),
      norm: "rms",
      normPlacement: "pre",
      normEpsilon: fields.number("layer_norm_epsilon", 1e-6),
      bias: false,
      scaleAttention: false,
      positions: "relative",
      relativeBuckets: fields.wholeNumber("relative_attention_num_buckets", 32, 4),
      relativeDistance: fields.wholeNumber("relative_attention_max_distance", 128),
      tiedHead: isTied,
      headBias: false,
      headScale: isScaled ? 1 / Math.sqrt(width) : 1,
      dropout,
      attentionDropout: dropout,
      activationDropout: dropout,
      outputDropout: dropout,
    };
  },
  write: (config) => ({
    model_type: "t5",
    architectures: ["T5ForConditionalGeneration"],
    vocab_size: config.targetVocabSize,
    n_positions: config.contextLength,
    num_layers: config.layers,
    num_decoder_layers: config.decoderLayers,
    num_heads: config.heads,
    d_kv: config.headSize ?? config.width / config.heads,
    d_model: config.width,
    d_ff: config.hidden,
    feed_forward_proj: writeFeedForward(config),
    layer_norm_epsilon: config.normEpsilon,
    relative_attention_num_buckets: config.relativeBuckets,
    relative_attention_max_distance: config.relativeDistance,
    // transformers 5 reads the second field, 4 the first one for both.
    tie_word_embeddings: config.tiedHead,
    scale_decoder_outputs: config.headScale !== 1,
    dropout_rate: config.dropout,
  }),
  startToken: (fields) =>
    fields.wholeNumber("decoder_start_token_id", fields.wholeNumber("pad_token_id", 0, 0), 0),
  names: ({ gated }) => ({
    tokens: "shared",
    encoder: side("encoder", {
      ...attention("layer.0.SelfAttention", "attention"),
      "norm1.norm": "layer.0.layer_norm",
      ...feedForward("layer.1", gated),
    }),
    decoder: side("decoder", {
      ...attention("layer.0.SelfAttention", "attention"),
      "norm1.norm": "layer.0.layer_norm",
      ...attention("layer.1.EncDecAttention", "crossAttention"),
      "crossNorm.norm": "layer.1.layer_norm",
      ...feedForward("layer.2", gated),
    }),
    unread: /^(encoder|decoder)\.embed_tokens\.weight$|EncDecAttention\.relative_attention_bias/,
  }),
};

function side(name: string, block: SideNames["block"]): SideNames {
  const first = `${name}.block.0.layer.0.SelfAttention`;
  return {
    outside: {
      norm: `${name}.final_layer_norm`,
      "relative_positions.table": `${first}.relative_attention_bias`,
    },
    blocks: `${name}.block`,
    block,
  };
}

function attention(stored: string, own: string): SideNames["block"] {
  return {
    [`${own}.query`]: `${stored}.q`,
    [`${own}.key`]: `${stored}.k`,
    [`${own}.value`]: `${stored}.v`,
    [`${own}.projection`]: `${stored}.o`,
  };
}

/** `wi` in T5; the gate `wi_0`, and `wi_1`, in T5 1.1. */
function feedForward(layer: string, gated: boolean | undefined): SideNames["block"] {
  const dense = `${layer}.DenseReluDense`;
  return {
    "feedForward.c_gate": `${dense}.wi_0`,
    "feedForward.c_fc": gated ? `${dense}.wi_1` : `${dense}.wi`,
    "feedForward.c_proj": `${dense}.wo`,
    "norm2.norm": `${layer}.layer_norm`,
  };
}

/** `relu`, or `gated-gelu`, whose GELU is the approximation; `dense_act_fn` must agree. */
function readFeedForward(fields: ConfigFields) {
  const name = fields.get("feed_forward_proj") ?? "relu";
  const [, gate, own] = /^(gated-)?([a-z_]+)$/.exec(String(name)) ?? [];
  const activation = name === "gated-gelu" ? "gelu_new" : own;
  if (!Object.hasOwn(ACTIVATIONS, activation ?? "")) {
    const known = Object.keys(ACTIVATIONS).join(", ");
    throw unexpected("feed_forward_proj", `one of ${known}, or one behind "gated-"`, name);
  }
  const stated = fields.choice("dense_act_fn", ACTIVATIONS, activation);
  if (stated !== ACTIVATIONS[activation]) {
    throw unexpected("dense_act_fn", `that of feed_forward_proj, ${activation}`, stated);
  }
  return { activation: stated, gated: gate !== undefined };
}

function writeFeedForward({ activation, gated }: CompleteTransformer): string | undefined {
  const name = activationName(activation);
  if (!gated || name === undefined) return name;
  return name === "gelu_new" ? "gated-gelu" : `gated-${name}`;
}
