/**
 * GPT-Neo's files: alternating global and local attention, scores not scaled, separate query, key
 * and value without a bias.
 *
 * Source: `GPTNeoConfig` of github.com/huggingface/transformers, whose defaults are used here.
 *
 * @module
 */
import { type ConfigFields, unexpected } from "./config_fields.ts";
import {
  activationName,
  ACTIVATIONS,
  type Format,
  readDropout,
  readLayers,
  splitName,
} from "./format.ts";

/** Folio's linear layers within a block → the file's. */
const LINEAR: Readonly<Record<string, readonly string[]>> = {
  "attn.c_attn": ["attn.attention.q_proj", "attn.attention.k_proj", "attn.attention.v_proj"],
  "attn.c_proj": ["attn.attention.out_proj"],
  "mlp.c_fc": ["mlp.c_fc"],
  "mlp.c_proj": ["mlp.c_proj"],
};

const DEFAULT_WINDOW = 256;

/** `"model_type": "gpt_neo"`. */
export const gptNeo: Format = {
  read(fields) {
    const layers = readLayers(fields, "num_layers", 24);
    return {
      vocabSize: fields.wholeNumber("vocab_size", 50257),
      contextLength: fields.wholeNumber("max_position_embeddings", 2048),
      layers,
      heads: fields.wholeNumber("num_heads", 16),
      width: fields.wholeNumber("hidden_size", 2048),
      hidden: fields.wholeNumber("intermediate_size", undefined),
      normEpsilon: fields.number("layer_norm_epsilon", 1e-5),
      activation: fields.choice("activation_function", ACTIVATIONS, "gelu_new"),
      queryKeyValueBias: false,
      tiedHead: fields.boolean("tie_word_embeddings", true),
      dropout: readDropout(fields, "resid_dropout", 0),
      embeddingDropout: readDropout(fields, "embed_dropout", 0),
      attentionDropout: readDropout(fields, "attention_dropout", 0),
      scaleAttention: false,
      window: readAttentionTypes(fields, layers),
    };
  },

  write(config) {
    const types = Array.from(
      { length: config.layers },
      (_, layer) => config.window?.[layer] === undefined ? "global" : "local",
    );
    const window = config.window?.find((tokens) => tokens !== undefined) ?? DEFAULT_WINDOW;
    return {
      architectures: ["GPTNeoForCausalLM"],
      model_type: "gpt_neo",
      vocab_size: config.vocabSize,
      max_position_embeddings: config.contextLength,
      hidden_size: config.width,
      num_layers: config.layers,
      num_heads: config.heads,
      intermediate_size: config.hidden === 4 * config.width ? null : config.hidden,
      attention_types: repeated(types),
      window_size: window,
      activation_function: activationName(config.activation),
      resid_dropout: config.dropout,
      embed_dropout: config.embeddingDropout ?? config.dropout,
      attention_dropout: config.attentionDropout ?? 0,
      layer_norm_epsilon: config.normEpsilon,
      tie_word_embeddings: config.tiedHead,
    };
  },

  source(name) {
    const { layer, module, kind } = splitName(name);
    const parts = layer === undefined ? undefined : LINEAR[module];
    if (!parts) return { names: [name], transposed: false };
    return {
      names: parts.map((part) => `transformer.h.${layer}.${part}.${kind}`),
      transposed: kind === "weight",
    };
  },
};

/** Refuses `attention_layers`, the types by layer, if they are others than `attention_types`. */
function expectLayerTypes(fields: ConfigFields, types: readonly string[]): void {
  const listed = fields.get("attention_layers");
  if (listed === undefined || JSON.stringify(listed) === JSON.stringify(types)) return;
  throw unexpected("attention_layers", `${JSON.stringify(types)}, as attention_types say`, listed);
}

/**
 * `[[["global", "local"], 12]]`: a pattern and its number of repetitions; one type per layer.
 */
function readAttentionTypes(fields: ConfigFields, layers: number): (number | undefined)[] {
  const window = fields.wholeNumber("window_size", DEFAULT_WINDOW);
  const value = fields.get("attention_types") ?? [[["global", "local"], layers / 2]];
  const wrong = () =>
    unexpected("attention_types", `[[types], times], … for ${layers} layers`, value);
  if (!Array.isArray(value)) throw wrong();
  const result: (number | undefined)[] = [];
  for (const item of value) {
    const [types, times] = Array.isArray(item) ? item : [];
    if (!Array.isArray(types) || !Number.isInteger(times) || times < 1) throw wrong();
    if (types.length === 0 || result.length + types.length * times > layers) throw wrong();
    const windows = types.map((type) => {
      if (type !== "global" && type !== "local") throw wrong();
      return type === "local" ? window : undefined;
    });
    for (let time = 0; time < times; time++) result.push(...windows);
  }
  if (result.length !== layers) throw wrong();
  expectLayerTypes(fields, result.map((window) => window === undefined ? "global" : "local"));
  return result;
}

/** The shortest pattern that these types repeat, and its number of repetitions. */
function repeated(types: readonly string[]): [string[], number][] {
  const period = types.findIndex((_, i) =>
    i > 0 && types.length % i === 0 && types.every((type, j) => type === types[j % i])
  );
  return period < 0 ? [[[...types], 1]] : [[types.slice(0, period), types.length / period]];
}
