/**
 * The `config.json` that a GGUF file's metadata make: the fields of each family that opens, by the
 * file's name of its architecture.
 *
 * config.ts reads the result. Source: convert_hf_to_gguf.py of github.com/ggml-org/llama.cpp.
 *
 * @module
 */
import { nearest } from "../nearest.ts";
import type { GgufMetadata } from "./gguf_metadata.ts";

type Json = Record<string, unknown>;

/** What a family's fields are made from. */
export interface GgufFacts {
  /** The file's metadata. */
  readonly metadata: GgufMetadata;
  /** Rows of the token table. */
  readonly vocabSize: number;
  /** The names of its tensors. */
  readonly has: (tensor: string) => boolean;
  /** Divisors of the rotary frequencies in a tensor of this name; undefined if there is none. */
  readonly factors: (tensor: string) => Promise<number[] | undefined>;
}

/** A family's files. */
export interface GgufFamily {
  /** The fields of its `config.json`. */
  config(facts: GgufFacts): Promise<Json> | Json;
  /** Whether rows of queries and keys are in the order of pairs of neighbors. */
  readonly turnsPairs?: boolean;
  /** Whether norms hold 1 + what the family's own files hold. */
  readonly addsOne?: boolean;
  /** Names of its tensors, if they are not Llama's. */
  readonly names?: "gpt2" | "phi3" | "sandwich";
}

/** The families that open, by `general.architecture`. */
export const GGUF_FAMILIES: Readonly<Record<string, GgufFamily>> = {
  gpt2: { names: "gpt2", config: gpt2 },
  llama: { turnsPairs: true, config: llama },
  qwen2: { config: (facts) => llamaLike(facts, "qwen2") },
  qwen3: { config: (facts) => llamaLike(facts, "qwen3") },
  smollm3: { turnsPairs: true, config: (facts) => llamaLike(facts, "smollm3") },
  gemma: { addsOne: true, config: gemma },
  gemma2: { addsOne: true, names: "sandwich", config: gemma2 },
  gemma3: { addsOne: true, names: "sandwich", config: gemma3 },
  phi3: { names: "phi3", config: phi3 },
};

/**
 * The family of a file.
 *
 * @throws {SyntaxError} naming the families that open
 */
export function ggufFamily({ architecture }: GgufMetadata): GgufFamily {
  if (Object.hasOwn(GGUF_FAMILIES, architecture)) return GGUF_FAMILIES[architecture];
  const known = Object.keys(GGUF_FAMILIES);
  const near = nearest(architecture, known);
  throw new SyntaxError(
    `GGUF: general.architecture: expected one of ${known.join(", ")}, got ` +
      `${JSON.stringify(architecture)}${near ? `; the nearest is ${near}` : ""}`,
  );
}

/** The `config.json` of a file. */
export async function ggufConfig(facts: GgufFacts): Promise<Json> {
  const { metadata } = facts;
  const experts = metadata.own("expert_count");
  if (metadata.wholeNumber(experts)) throw unsupported(experts, "no experts");
  return { ...await ggufFamily(metadata).config(facts), ...textEnds(metadata) };
}

function unsupported(name: string, expected: string): SyntaxError {
  return new SyntaxError(`GGUF: ${name}: expected ${expected}, which Folio cannot compute`);
}

function textEnds(metadata: GgufMetadata): Json {
  const id = (name: string) => metadata.wholeNumber(`tokenizer.ggml.${name}_token_id`);
  const ends = [id("eos"), id("eot")].filter((end) => end !== undefined);
  return {
    bos_token_id: id("bos") ?? null,
    eos_token_id: ends.length > 0 ? [...new Set(ends)] : null,
    pad_token_id: id("padding") ?? null,
  };
}

/** The sizes of a head; queries, keys and values must have the same one. */
function headSize(metadata: GgufMetadata, width: number, heads: number): number {
  const size = metadata.wholeNumber(metadata.own("attention.key_length")) ?? width / heads;
  const values = metadata.own("attention.value_length");
  if ((metadata.wholeNumber(values) ?? size) !== size) throw unsupported(values, `${size}`);
  return size;
}

/** The fields that `readLlama` reads, for a family of this `model_type`. */
async function llamaLike(facts: GgufFacts, model_type: string): Promise<Json> {
  const { metadata, vocabSize, has } = facts;
  const own = (name: string) => metadata.own(name);
  const width = metadata.required(own("embedding_length"));
  const heads = metadata.required(own("attention.head_count"));
  const head_dim = headSize(metadata, width, heads);
  return {
    model_type,
    vocab_size: vocabSize,
    max_position_embeddings: metadata.required(own("context_length")),
    hidden_size: width,
    intermediate_size: metadata.required(own("feed_forward_length")),
    num_hidden_layers: metadata.required(own("block_count")),
    num_attention_heads: heads,
    num_key_value_heads: metadata.wholeNumber(own("attention.head_count_kv")) ?? heads,
    head_dim,
    rms_norm_eps: metadata.number(own("attention.layer_norm_rms_epsilon")) ?? 1e-6,
    rope_theta: metadata.number(own("rope.freq_base")) ?? 10000,
    partial_rotary_factor: rotatedShare(metadata, head_dim),
    rope_scaling: await ropeScaling(facts) ?? null,
    tie_word_embeddings: !has("output.weight"),
  };
}

/** The share of a head's columns that is rotated; undefined for all. */
function rotatedShare(metadata: GgufMetadata, headSize: number): number | undefined {
  const rotated = metadata.wholeNumber(metadata.own("rope.dimension_count")) ?? headSize;
  return rotated === headSize ? undefined : rotated / headSize;
}

/** `rope_scaling`; undefined if there is none. */
async function ropeScaling({ metadata, factors }: GgufFacts): Promise<Json | undefined> {
  const own = (name: string) => metadata.own(`rope.scaling.${name}`);
  const context = metadata.required(metadata.own("context_length"));
  const original = metadata.wholeNumber(own("original_context_length")) ?? context;
  const [short, long] = [await factors("rope_factors_short"), await factors("rope_factors_long")];
  if (short && long) {
    return {
      rope_type: "longrope",
      short_factor: short,
      long_factor: long,
      original_max_position_embeddings: original,
      attention_factor: metadata.number(own("attn_factor")),
    };
  }
  const all = await factors("rope_freqs");
  if (all) {
    return {
      rope_type: "longrope",
      short_factor: all,
      long_factor: all,
      original_max_position_embeddings: context,
      attention_factor: 1,
    };
  }
  const factor = metadata.number(own("factor"));
  const type = metadata.text(own("type")) ?? (factor === undefined ? "none" : "linear");
  if (type === "none") return undefined;
  if (type === "linear") return { rope_type: "linear", factor };
  if (type !== "yarn") throw unsupported(own("type"), '"none", "linear" or "yarn"');
  const others = ["attn_factor", "yarn_log_multiplier", "yarn_ext_factor", "yarn_attn_factor"];
  const other = others.map(own).find((name) => metadata.has(name));
  if (other !== undefined) throw unsupported(other, "none");
  return {
    rope_type: "yarn",
    factor,
    original_max_position_embeddings: original,
    beta_fast: metadata.number(own("yarn_beta_fast")),
    beta_slow: metadata.number(own("yarn_beta_slow")),
  };
}

/** `attention.sliding_window`, unless it is as long as the context; undefined if there is none. */
function slidingWindow(metadata: GgufMetadata): number | undefined {
  const window = metadata.wholeNumber(metadata.own("attention.sliding_window"));
  const context = metadata.required(metadata.own("context_length"));
  return window !== undefined && window > 0 && window < context ? window : undefined;
}

/** Llama, or Mistral if there is a window. */
async function llama(facts: GgufFacts): Promise<Json> {
  const window = slidingWindow(facts.metadata);
  const fields = await llamaLike(facts, window === undefined ? "llama" : "mistral");
  const bias = facts.has("blk.0.attn_q.bias");
  return { ...fields, sliding_window: window, attention_bias: bias, mlp_bias: false };
}

async function gemma(facts: GgufFacts): Promise<Json> {
  return { ...await llamaLike(facts, "gemma"), hidden_activation: "gelu_pytorch_tanh" };
}

async function sandwich(facts: GgufFacts, model_type: string, scaledByWidth: number) {
  const { metadata } = facts;
  const fields = await llamaLike(facts, model_type);
  // The largest model of each family divides scores by the size that a head would have.
  const usual = Number(fields.hidden_size) / Number(fields.num_attention_heads);
  const isLargest = fields.num_hidden_layers === scaledByWidth;
  const cap = (name: string) => metadata.number(metadata.own(name)) ?? null;
  return {
    ...fields,
    query_pre_attn_scalar: isLargest ? usual : fields.head_dim,
    sliding_window: metadata.wholeNumber(metadata.own("attention.sliding_window")),
    attn_logit_softcapping: cap("attn_logit_softcapping"),
    final_logit_softcapping: cap("final_logit_softcapping"),
  };
}

async function gemma2(facts: GgufFacts): Promise<Json> {
  const fields = await sandwich(facts, "gemma2", 46);
  const cap = (value: number | null, usual: number) => value ?? usual;
  return {
    ...fields,
    attn_logit_softcapping: cap(fields.attn_logit_softcapping, 50),
    final_logit_softcapping: cap(fields.final_logit_softcapping, 30),
  };
}

async function gemma3(facts: GgufFacts): Promise<Json> {
  const { metadata } = facts;
  return {
    ...await sandwich(facts, "gemma3_text", 62),
    rope_theta: metadata.number(metadata.own("rope.freq_base")) ?? 1e6,
  };
}

async function phi3(facts: GgufFacts): Promise<Json> {
  return { ...await llamaLike(facts, "phi3"), sliding_window: slidingWindow(facts.metadata) };
}

function gpt2({ metadata, vocabSize, has }: GgufFacts): Json {
  const own = (name: string) => metadata.own(name);
  return {
    model_type: "gpt2",
    vocab_size: vocabSize,
    n_positions: metadata.required(own("context_length")),
    n_embd: metadata.required(own("embedding_length")),
    n_layer: metadata.required(own("block_count")),
    n_head: metadata.required(own("attention.head_count")),
    n_inner: metadata.required(own("feed_forward_length")),
    layer_norm_epsilon: metadata.number(own("attention.layer_norm_epsilon")) ?? 1e-5,
    tie_word_embeddings: !has("output.weight"),
  };
}
