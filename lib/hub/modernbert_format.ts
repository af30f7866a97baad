/**
 * ModernBERT's files: rotary positions, windows in most layers, gated feed-forwards, no biases.
 *
 * Source: Warner et al., arXiv 2412.13663; `ModernBertConfig` of
 * github.com/huggingface/transformers, whose defaults are used here.
 *
 * @module
 */
import type { EncoderConfig } from "../nn/encoder.ts";
import { POOLINGS } from "../nn/pool.ts";
import { ConfigFields, unexpected } from "./config_fields.ts";
import type { CompleteEncoder, EncoderFormat } from "./encoder_format.ts";
import { activationName, ACTIVATIONS, readDropout, readLayers } from "./format.ts";

/** `"model_type": "modernbert"`. */
export const modernbert: EncoderFormat = {
  className: "ModernBert",
  encoder(fields) {
    const layers = readLayers(fields, "num_hidden_layers", 22);
    const attentionBias = fields.boolean("attention_bias", false);
    const attentionDropout = readDropout(fields, "attention_dropout", 0);
    return {
      vocabSize: fields.wholeNumber("vocab_size", 50368),
      contextLength: fields.wholeNumber("max_position_embeddings", 8192),
      layers,
      heads: fields.wholeNumber("num_attention_heads", 12),
      width: fields.wholeNumber("hidden_size", 768),
      hidden: fields.wholeNumber("intermediate_size", 1152),
      activation: fields.choice("hidden_activation", ACTIVATIONS, "gelu"),
      gated: true,
      normPlacement: "pre",
      firstNorm: false,
      normEpsilon: fields.number("norm_eps", 1e-5),
      normBias: fields.boolean("norm_bias", false),
      bias: fields.boolean("mlp_bias", false),
      queryKeyValueBias: attentionBias,
      attentionProjectionBias: attentionBias,
      positions: "rotary",
      rotaryBase: readBase(fields, "full_attention", "global_rope_theta", 160_000),
      windowRotaryBase: readBase(fields, "sliding_attention", "local_rope_theta", 10_000),
      window: readWindows(fields, layers),
      dropout: 0,
      embeddingDropout: readDropout(fields, "embedding_dropout", 0),
      attentionDropout,
      attentionOutputDropout: attentionDropout,
      activationDropout: readDropout(fields, "mlp_dropout", 0),
    } satisfies EncoderConfig;
  },
  head: (fields) => ({
    pooling: fields.choice("classifier_pooling", CHOICES, "cls"),
    poolerActivation: fields.choice("classifier_activation", ACTIVATIONS, "gelu"),
    poolerBias: fields.boolean("classifier_bias", false),
    poolerNorm: true,
    classifierDropout: readDropout(fields, "classifier_dropout", 0),
  }),
  maskedHead: (fields) => ({
    headActivation: fields.choice("classifier_activation", ACTIVATIONS, "gelu"),
    headBias: fields.boolean("classifier_bias", false),
    logitBias: fields.boolean("decoder_bias", true),
  }),
  write: (config, { beginToken = null, endTokens = [] }) => ({
    model_type: "modernbert",
    vocab_size: config.vocabSize,
    max_position_embeddings: config.contextLength,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    hidden_size: config.width,
    intermediate_size: config.hidden,
    hidden_activation: activationName(config.activation),
    norm_eps: config.normEpsilon,
    norm_bias: config.normBias,
    mlp_bias: config.bias,
    attention_bias: config.queryKeyValueBias,
    ...writeLayers(config),
    embedding_dropout: config.embeddingDropout,
    attention_dropout: config.attentionDropout ?? 0,
    mlp_dropout: config.activationDropout ?? 0,
    classifier_pooling: config.pooling,
    classifier_activation: activationName(config.poolerActivation ?? config.headActivation),
    classifier_bias: config.poolerBias ?? config.headBias,
    classifier_dropout: config.classifierDropout,
    decoder_bias: config.logitBias,
    cls_token_id: beginToken,
    sep_token_id: endTokens[0] ?? null,
  }),
  names: {
    root: "model.",
    outside: {
      tokens: "embeddings.tok_embeddings",
      norm: "embeddings.norm",
      final_norm: "final_norm",
    },
    blocks: "layers",
    block: {
      "attention.query": "attn.Wqkv",
      "attention.key": "attn.Wqkv",
      "attention.value": "attn.Wqkv",
      "attention.projection": "attn.Wo",
      "norm1.norm": "attn_norm",
      "feedForward.c_gate": "mlp.Wi",
      "feedForward.c_fc": "mlp.Wi",
      "feedForward.c_proj": "mlp.Wo",
      "norm2.norm": "mlp_norm",
    },
    parts: {
      "attention.query": { index: 0, count: 3 },
      "attention.key": { index: 1, count: 3 },
      "attention.value": { index: 2, count: 3 },
      "feedForward.c_gate": { index: 0, count: 2 },
      "feedForward.c_fc": { index: 1, count: 2 },
    },
    heads: {
      pooler: "head.dense",
      pooler_norm: "head.norm",
      dense: "head.dense",
      norm: "head.norm",
      logits: "decoder",
    },
    unread: /^(head|decoder|classifier)\./,
  },
};

const CHOICES = Object.fromEntries(POOLINGS.map((pooling) => [pooling, pooling]));

/** The rotary base of one kind of layer: new files have it in `rope_parameters`. */
function readBase(fields: ConfigFields, kind: string, old: string, fallback: number): number {
  fields.only("rope_scaling", null);
  const parameters = fields.get("rope_parameters");
  const own = parameters === undefined ? undefined : new ConfigFields(parameters).get(kind);
  if (own === undefined) return fields.number(old, fallback);
  const rope = new ConfigFields(own);
  rope.only("rope_type", "default");
  return rope.number("rope_theta", fallback);
}

/** Windows of `local_attention` tokens, half of them on each side, in all but every third layer. */
function readWindows(fields: ConfigFields, layers: number): (number | undefined)[] {
  const reach = Math.floor(fields.wholeNumber("local_attention", 128) / 2);
  const period = fields.wholeNumber("global_attn_every_n_layers", 3);
  const types = fields.get("layer_types") ??
    Array.from({ length: layers }, (_, i) => i % period ? "sliding_attention" : "full_attention");
  const known = ["sliding_attention", "full_attention"];
  if (
    !Array.isArray(types) || types.length !== layers || !types.every((type) => known.includes(type))
  ) {
    throw unexpected("layer_types", `${layers} of ${known.join(", ")}`, types);
  }
  return types.map((type) => type === "sliding_attention" ? reach + 1 : undefined);
}

/** Rotary bases and windows, for transformers 5 and, where it has the fields, for 4. */
function writeLayers(
  { rotaryBase, windowRotaryBase = rotaryBase, window, layers }: CompleteEncoder,
) {
  const windows = window ?? Array.from<undefined>({ length: layers });
  const [reach] = windows.filter((tokens) => tokens !== undefined);
  const isFull = (layer: number) => windows[layer] === undefined;
  const periods = windows.map((_, i) => i + 1);
  return {
    rope_parameters: {
      full_attention: { rope_type: "default", rope_theta: rotaryBase },
      sliding_attention: { rope_type: "default", rope_theta: windowRotaryBase },
    },
    global_rope_theta: rotaryBase,
    local_rope_theta: windowRotaryBase,
    layer_types: windows.map((_, i) => isFull(i) ? "full_attention" : "sliding_attention"),
    global_attn_every_n_layers: periods.find((period) =>
      windows.every((_, layer) => isFull(layer) === (layer % period === 0))
    ),
    local_attention: reach === undefined ? undefined : 2 * (reach - 1),
  };
}
