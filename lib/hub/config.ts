/**
 * Hugging Face's `config.json` and Folio's ModelConfig: read for GPT-2, GPT-Neo and Llama, written
 * for GPT-2. A model that GPT-2 cannot express is written with `"model_type": "folio"` and
 * ModelConfig's own field names, so that every saved model can be read again. Parameter names are in
 * names.ts.
 *
 * Source: the configuration classes of github.com/huggingface/transformers, whose defaults stand
 * here for fields that a file leaves out.
 *
 * @module
 */
import {
  type Activation,
  type ModelConfig,
  modelConfig,
  type ModelConfigInput,
} from "../nn/config.ts";
import { ConfigFields, malformed, unexpected } from "./config_fields.ts";

/** Whose names and layouts a model's file has. */
export type Architecture = "gpt2" | "gpt_neo" | "llama" | "folio";

/** What a `config.json` says. */
export interface PretrainedConfig {
  /** The file's `model_type`. */
  readonly architecture: Architecture;
  /** The model, checked. */
  readonly config: ModelConfig;
  /** Ids of the tokens that end a text; empty where the file names none. */
  readonly endTokens: readonly number[];
}

/** Ids of special tokens for a `config.json`; null where the vocabulary has none. */
export interface SpecialTokenIds {
  /** Begins a text: `bos_token_id`. */
  readonly beginToken?: number | null;
  /** Ends a text: `eos_token_id`. */
  readonly endToken?: number | null;
}

const ACTIVATIONS: Record<string, Activation> = {
  gelu_new: "gelu_new",
  gelu_fast: "gelu_new",
  gelu_pytorch_tanh: "gelu_new",
  gelu: "gelu",
  relu: "relu",
  silu: "silu",
  swish: "silu",
};

const MAX_LAYERS = 10_000;

const READERS: Record<Architecture, (fields: ConfigFields) => ModelConfigInput> = {
  gpt2: readGpt2,
  gpt_neo: readGptNeo,
  llama: readLlama,
  folio: readFolio,
};

/**
 * Reads the text of a `config.json`, untrusted.
 *
 * @throws {SyntaxError} naming the field, what was expected and what came
 *
 * @example
 * ```ts
 * const { config } = readModelConfig('{"model_type":"gpt2","n_embd":48,"n_head":3,"vocab_size":65}');
 * console.log(config.width, config.heads, config.layers); // 48 3 12
 * ```
 */
export function readModelConfig(text: string): PretrainedConfig {
  const fields = new ConfigFields(parseJson(text));
  const read = fields.choice("model_type", READERS, "(none)");
  try {
    const config = modelConfig(read(fields));
    const architecture = fields.get("model_type") as Architecture;
    return { architecture, config, endTokens: readEndTokens(fields) };
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw malformed(cause.message, cause);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed(`not JSON: ${(cause as Error).message}`, cause);
  }
}

function readEndTokens(fields: ConfigFields): number[] {
  const value = fields.get("eos_token_id");
  const ids: unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
  for (const id of ids) {
    if (!Number.isInteger(id) || (id as number) < 0) {
      throw unexpected("eos_token_id", "a token id or a list of them", value);
    }
  }
  return ids as number[];
}

function readLayers(fields: ConfigFields, name: string, otherwise: number): number {
  const layers = fields.wholeNumber(name, otherwise);
  if (layers > MAX_LAYERS) throw unexpected(name, `at most ${MAX_LAYERS} layers`, layers);
  return layers;
}

function readGpt2(fields: ConfigFields): ModelConfigInput {
  fields.only("scale_attn_by_inverse_layer_idx", false);
  fields.only("add_cross_attention", false);
  return {
    vocabSize: fields.wholeNumber("vocab_size", 50257),
    contextLength: fields.wholeNumber("n_positions", fields.wholeNumber("n_ctx", 1024)),
    layers: readLayers(fields, "n_layer", 12),
    heads: fields.wholeNumber("n_head", 12),
    width: fields.wholeNumber("n_embd", 768),
    hidden: fields.wholeNumber("n_inner", undefined),
    normEpsilon: fields.number("layer_norm_epsilon", 1e-5),
    activation: fields.choice("activation_function", ACTIVATIONS, "gelu_new"),
    tiedHead: fields.boolean("tie_word_embeddings", true),
    dropout: fields.number("resid_pdrop", 0.1),
    scaleAttention: fields.boolean("scale_attn_weights", true),
  };
}

function readGptNeo(fields: ConfigFields): ModelConfigInput {
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
    tiedHead: fields.boolean("tie_word_embeddings", true),
    dropout: fields.number("resid_dropout", 0),
    scaleAttention: false,
    window: readAttentionTypes(fields, layers),
  };
}

/** `[[["global", "local"], 12]]`: the pattern, and how often it comes; together one type a layer. */
function readAttentionTypes(fields: ConfigFields, layers: number): (number | undefined)[] {
  const window = fields.wholeNumber("window_size", 256);
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
  return result;
}

function readLlama(fields: ConfigFields): ModelConfigInput {
  const heads = fields.wholeNumber("num_attention_heads", 32);
  const width = fields.wholeNumber("hidden_size", 4096);
  const bias = fields.boolean("attention_bias", false);
  fields.only("mlp_bias", bias);
  fields.only("head_dim", width / heads);
  return {
    vocabSize: fields.wholeNumber("vocab_size", 32000),
    contextLength: fields.wholeNumber("max_position_embeddings", 2048),
    layers: readLayers(fields, "num_hidden_layers", 32),
    heads,
    keyValueHeads: fields.wholeNumber("num_key_value_heads", heads),
    width,
    hidden: fields.wholeNumber("intermediate_size", 11008),
    norm: "rms",
    normEpsilon: fields.number("rms_norm_eps", 1e-6),
    positions: "rotary",
    rotaryBase: readRotaryBase(fields),
    activation: fields.choice("hidden_act", ACTIVATIONS, "silu"),
    gated: true,
    bias,
    tiedHead: fields.boolean("tie_word_embeddings", false),
  };
}

/** Old files have `rope_theta` beside `rope_scaling`, new ones both in `rope_parameters`. */
function readRotaryBase(fields: ConfigFields): number {
  let base = fields.number("rope_theta", 10000);
  for (const name of ["rope_scaling", "rope_parameters"]) {
    const value = fields.get(name);
    if (value === undefined) continue;
    const rope = new ConfigFields(value);
    rope.only("rope_type", "default");
    rope.only("type", "default");
    base = rope.number("rope_theta", base);
  }
  return base;
}

const FOLIO_FIELDS = [
  "vocabSize",
  "contextLength",
  "layers",
  "heads",
  "keyValueHeads",
  "width",
  "hidden",
  "norm",
  "normPlacement",
  "normEpsilon",
  "positions",
  "rotaryBase",
  "activation",
  "gated",
  "bias",
  "tiedHead",
  "headBias",
  "dropout",
  "scaleAttention",
] as const satisfies (keyof ModelConfig)[];

/** The types are checked by modelConfig, all but the window's. */
function readFolio(fields: ConfigFields): ModelConfigInput {
  readLayers(fields, "layers", 1);
  const input = Object.fromEntries(FOLIO_FIELDS.map((name) => [name, fields.get(name)]));
  const window = fields.get("window");
  if (window === undefined) return input as unknown as ModelConfigInput;
  if (!Array.isArray(window)) throw unexpected("window", "a list", window);
  return { ...input, window: window.map((tokens) => tokens ?? undefined) } as ModelConfigInput;
}

/** Whether Hugging Face's GPT-2 computes exactly this model. */
export function isGpt2(config: ModelConfig): boolean {
  return config.norm === "layer" && config.normPlacement === "pre" &&
    config.positions === "learned" && config.bias && !config.gated && !config.headBias &&
    (config.keyValueHeads ?? config.heads) === config.heads &&
    !config.window?.some((tokens) => tokens !== undefined);
}

/**
 * The object to be written as `config.json`: a GPT-2's where `isGpt2`, Folio's own otherwise.
 * `readModelConfig` reads it back as an equal configuration.
 *
 * @param tokens ids of special tokens; null by default
 */
export function writeModelConfig(
  config: ModelConfig,
  { beginToken = null, endToken = null }: SpecialTokenIds = {},
): Record<string, unknown> {
  const tokens = { bos_token_id: beginToken, eos_token_id: endToken };
  if (!isGpt2(config)) return { model_type: "folio", ...config, ...tokens };
  return {
    architectures: ["GPT2LMHeadModel"],
    model_type: "gpt2",
    vocab_size: config.vocabSize,
    n_positions: config.contextLength,
    n_ctx: config.contextLength,
    n_embd: config.width,
    n_layer: config.layers,
    n_head: config.heads,
    n_inner: config.hidden === 4 * config.width ? null : config.hidden,
    activation_function: config.activation,
    resid_pdrop: config.dropout,
    embd_pdrop: config.dropout,
    attn_pdrop: 0,
    layer_norm_epsilon: config.normEpsilon,
    scale_attn_weights: config.scaleAttention,
    tie_word_embeddings: config.tiedHead,
    torch_dtype: "float32",
    ...tokens,
  };
}
