/**
 * `config.json` and Folio's ModelConfig: read for each family of `FORMATS`, and written as the
 * first of them that computes exactly the model. A model that none expresses is written with
 * `"model_type": "folio"`, so that every saved model can be read again. The fields of each
 * architecture, and its names of parameters, are in gpt2_format.ts and the files beside it;
 * encoders are in encoder_formats.ts.
 *
 * @module
 */
import { type ModelConfig, modelConfig } from "../nn/config.ts";
import type { GPT } from "../nn/gpt.ts";
import { nearest } from "../nearest.ts";
import { bloom } from "./bloom_format.ts";
import { ConfigFields, malformed, parseConfig, unexpected } from "./config_fields.ts";
import { isSameConfig } from "./config_text.ts";
import { loadedNames } from "./file_names.ts";
import { folio } from "./folio_format.ts";
import type { ArchitectureNames, Format } from "./format.ts";
import { gemma, gemma2, gemma3Text } from "./gemma_format.ts";
import { gpt2 } from "./gpt2_format.ts";
import { gptNeo } from "./gpt_neo_format.ts";
import { gptNeoX } from "./gpt_neox_format.ts";
import { gptj } from "./gptj_format.ts";
import { llama, mistral, qwen2 } from "./llama_format.ts";
import { isEncoderDecoderType, isEncoderType } from "./model_types.ts";
import { opt } from "./opt_format.ts";
import { persimmon } from "./persimmon_format.ts";
import { phi3 } from "./phi3_format.ts";
import { phi } from "./phi_format.ts";
import { qwen3 } from "./qwen3_format.ts";
import { smollm3 } from "./smollm3_format.ts";
import { readTextEnds, type TextEnds, writeTextEnds } from "./text_ends.ts";

/** The architecture whose names and layouts a model's file has. */
export type Architecture =
  | "gpt2"
  | "gpt_neo"
  | "llama"
  | "mistral"
  | "qwen2"
  | "qwen3"
  | "smollm3"
  | "gemma"
  | "gemma2"
  | "gemma3_text"
  | "phi"
  | "phi3"
  | "gpt_neox"
  | "gptj"
  | "opt"
  | "persimmon"
  | "bloom"
  | "folio";

/** What a `config.json` says. */
export interface PretrainedConfig extends TextEnds {
  /** The file's `model_type`. */
  readonly architecture: Architecture;
  /** The model, checked. */
  readonly config: ModelConfig;
}

/** Each architecture's format. A model is saved in the first that can express it. */
export const FORMATS: Readonly<Record<Architecture, Format>> = {
  gpt2,
  gpt_neo: gptNeo,
  llama,
  mistral,
  qwen2,
  qwen3,
  smollm3,
  gemma,
  gemma2,
  gemma3_text: gemma3Text,
  phi,
  phi3,
  gpt_neox: gptNeoX,
  gptj,
  opt,
  persimmon,
  bloom,
  folio,
};

/**
 * Reads the text of a `config.json`, untrusted.
 *
 * ```ts
 * const { config } = readModelConfig('{"model_type":"gpt2","n_embd":48,"n_head":3,"vocab_size":65}');
 * console.log(config.width, config.heads, config.layers); // 48 3 12
 * ```
 *
 * @throws {SyntaxError} naming the field, what was expected and what came
 */
export function readModelConfig(text: string): PretrainedConfig {
  const fields = parseConfig(text);
  const format = readFormat(fields);
  expectNotQuantized(fields);
  try {
    const config = modelConfig(format.read(fields));
    const architecture = fields.get("model_type") as Architecture;
    return { architecture, config, ...readTextEnds(fields) };
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw malformed(cause.message, cause);
  }
}

function expectNotQuantized(fields: ConfigFields): void {
  const value = fields.get("quantization_config");
  if (value === undefined) return;
  throw unexpected(
    "quantization_config",
    "none; load the unquantized model with int8 weights",
    value,
  );
}

function readFormat(fields: ConfigFields): Format {
  const type = fields.get("model_type");
  const loaders = isEncoderType(type)
    ? "an encoder is loaded by loadEncoder, one that classifies by loadClassifier"
    : isEncoderDecoderType(type)
    ? "an encoder–decoder is loaded by loadEncoderDecoder"
    : undefined;
  if (typeof type === "string" && Object.hasOwn(FORMATS, type)) {
    return FORMATS[type as Architecture];
  }
  const hint = loaders ?? nearestFamily(type);
  const known = Object.keys(FORMATS).join(", ");
  const got = `expected one of ${known}, got ${JSON.stringify(type ?? "(none)")}`;
  throw malformed(`model_type: ${got}${hint ? `; ${hint}` : ""}`);
}

/** Names the family nearest to an unknown one, such as qwen3 to qwen3_moe. */
function nearestFamily(type: unknown): string | undefined {
  if (typeof type !== "string") return undefined;
  const known = Object.keys(FORMATS);
  const near = nearest(type, known) ?? known.findLast((name) => type.startsWith(name));
  return near && `the nearest is ${near}`;
}

/** An architecture's names of tensors for a model of `config`. */
export function namesOf(architecture: Architecture, config: ModelConfig): ArchitectureNames {
  const { source } = FORMATS[architecture];
  return { name: architecture, source: (parameter) => source(parameter, config) };
}

/** The names that a model is saved with unless an architecture is preferred. */
export function savedNames(model: GPT): ArchitectureNames {
  return namesOf(savedArchitecture(model), model.config);
}

/**
 * The architecture that a model is saved as: `preferred`, or the one that it was loaded from, if
 * that expresses it; otherwise the first that does.
 */
export function savedArchitecture(model: GPT, preferred?: Architecture): Architecture {
  const loaded = loadedNames(model)?.name as Architecture | undefined;
  return architectureOf(model.config, preferred ?? loaded);
}

/**
 * The architecture that a model is saved as: `preferred`, if its `config.json` is read back as this
 * model but for rates of dropout, which some families have no fields for; otherwise the first whose
 * `config.json` is read back as exactly this model.
 */
export function architectureOf(config: ModelConfig, preferred?: Architecture): Architecture {
  if (preferred !== undefined && expresses(FORMATS[preferred], { ...config, ...NO_DROPOUT })) {
    return preferred;
  }
  const others = Object.keys(FORMATS) as Architecture[];
  return others.find((architecture) => expresses(FORMATS[architecture], config)) ?? "folio";
}

const NO_DROPOUT = {
  dropout: 0,
  embeddingDropout: undefined,
  attentionOutputDropout: undefined,
  attentionDropout: undefined,
  activationDropout: undefined,
};

function expresses(format: Format, config: ModelConfig): boolean {
  try {
    const again = modelConfig(format.read(new ConfigFields(format.write(config))));
    return isSameConfig(again, modelConfig(config));
  } catch (cause) {
    if (cause instanceof RangeError || cause instanceof SyntaxError) return false;
    throw cause;
  }
}

/** What a `config.json` says beside the model. */
interface WrittenWith extends Partial<TextEnds> {
  /** The architecture to write, if it expresses the model. */
  readonly architecture?: Architecture;
}

/**
 * The object to be written as `config.json`, in the fields of `architectureOf(config)`.
 * `readModelConfig` reads it back as an equal configuration; of a preferred architecture, without
 * the rates of dropout that it lacks. Ids of special tokens are null by default.
 */
export function writeModelConfig(
  config: ModelConfig,
  { architecture, ...ends }: WrittenWith = {},
): Record<string, unknown> {
  return {
    ...FORMATS[architectureOf(config, architecture)].write(config),
    torch_dtype: "float32",
    ...writeTextEnds(ends),
  };
}
