/**
 * PEFT's `adapter_config.json` for LoRA: read, untrusted, and written.
 *
 * Source: `LoraConfig` of github.com/huggingface/peft, whose defaults are used here.
 *
 * @module
 */
import { describe, notJson } from "../errors.ts";
import { ConfigFields, show } from "../hub/config_fields.ts";
import { type LoraChoices, loraChoices } from "./lora_options.ts";

/** The name of the file. */
export const CONFIG_FILE = "adapter_config.json";

/** What the model was trained for, by PEFT's names. */
export type AdapterTask = "CAUSAL_LM" | "SEQ_CLS";

/** What an `adapter_config.json` says. */
export interface AdapterConfig {
  /** How layers are adapted. */
  readonly choices: LoraChoices & { readonly modules: string | readonly string[] };
  /**
   * The model that the adapter was trained on, as the file names it: it may be a path elsewhere.
   */
  readonly base?: string;
  /** The task; absent if the file names none. */
  readonly task?: AdapterTask;
}

/** What describes the base and not the adapter, or has no effect on what is computed. */
const NO_EFFECT = [
  "auto_mapping",
  "ensure_weight_tying",
  "fan_in_fan_out", // the base says so itself, and PEFT corrects the file's value
  "folio_version",
  "inference_mode",
  "megatron_core",
  "peft_version",
  "qalora_group_size",
  "revision",
];

/** What `readAdapterConfig` reads. */
const READ = [
  "alpha_pattern",
  "base_model_name_or_path",
  "bias",
  "exclude_modules",
  "init_lora_weights",
  "layers_pattern",
  "layers_to_transform",
  "lora_alpha",
  "lora_dropout",
  "modules_to_save",
  "peft_type",
  "r",
  "rank_pattern",
  "target_modules",
  "task_type",
  "use_rslora",
];

/** Keys of mlx-lm's file of the same name. */
const MLX_KEYS = ["fine_tune_type", "lora_parameters", "lora_layers"];

/**
 * Reads the text of an `adapter_config.json`. Unknown keys that are off (null, false, 0, empty) are
 * ignored.
 *
 * @throws {SyntaxError} if it is malformed, of another kind than LoRA, of mlx-lm, or a variant of
 *   LoRA is on
 */
export function readAdapterConfig(text: string): AdapterConfig {
  const json = parseAdapterConfig(text);
  const fields = new ConfigFields(json);
  expectAdapterType(fields, ["LORA"]);
  for (const [name, value] of Object.entries(json)) {
    if (READ.includes(name) || NO_EFFECT.includes(name) || isOff(value)) continue;
    throw malformed(
      `${name}: expected it to be off, got ${show(value)}; Folio computes plain LoRA only`,
    );
  }
  const { initial } = readInitial(fields);
  const modules = namesOr(fields, "target_modules");
  if (modules === undefined) throw malformed("target_modules: expected names, got none");
  const options = {
    rank: number(fields, "r", 8),
    alpha: number(fields, "lora_alpha", 8),
    dropout: number(fields, "lora_dropout", 0),
    modules,
    exclude: namesOr(fields, "exclude_modules"),
    layers: layersOr(fields),
    layersPattern: namesOr(fields, "layers_pattern"),
    rankPattern: patterns(fields, "rank_pattern"),
    alphaPattern: patterns(fields, "alpha_pattern"),
    rslora: fields.get("use_rslora") === true,
    bias: (fields.get("bias") ?? "none") as LoraChoices["bias"],
    modulesToSave: listOf(fields, "modules_to_save"),
    initial,
  };
  return { choices: { ...checked(options), modules }, ...readOrigin(fields) };
}

/** The object to be written as `adapter_config.json`; PEFT and `readAdapterConfig` read it. */
export function writeAdapterConfig(
  { choices, base, task }: AdapterConfig,
  fanInFanOut: boolean,
): Record<string, unknown> {
  return {
    alpha_pattern: choices.alphaPattern,
    auto_mapping: null,
    base_model_name_or_path: base ?? null,
    bias: choices.bias,
    exclude_modules: choices.exclude ?? null,
    fan_in_fan_out: fanInFanOut,
    inference_mode: true,
    init_lora_weights: choices.initial === "gaussian" ? "gaussian" : true,
    layers_pattern: choices.layersPattern ?? null,
    layers_to_transform: choices.layers ?? null,
    lora_alpha: choices.alpha,
    lora_dropout: choices.dropout,
    modules_to_save: choices.modulesToSave.length > 0 ? choices.modulesToSave : null,
    peft_type: "LORA",
    r: choices.rank,
    rank_pattern: choices.rankPattern,
    revision: null,
    target_modules: choices.modules,
    task_type: task ?? null,
    use_dora: false,
    use_rslora: choices.rslora,
  };
}

/** The object that the text of an `adapter_config.json` is. SyntaxError for anything else. */
export function parseAdapterConfig(text: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw malformed(notJson(cause), cause);
  }
  if (typeof json === "object" && json !== null && !Array.isArray(json)) {
    return json as Record<string, unknown>;
  }
  throw malformed(`expected an object, got ${describe(json)}`);
}

/** The kind that a file names, one of `types`. SyntaxError for another one, or mlx-lm's file. */
export function expectAdapterType<Type extends string>(
  fields: ConfigFields,
  types: readonly Type[],
): Type {
  const type = fields.get("peft_type");
  const known = types.find((each) => each === type);
  if (known !== undefined) return known;
  if (type === undefined && MLX_KEYS.some((name) => fields.get(name) !== undefined)) {
    throw malformed(
      "it is mlx-lm's, whose adapters Folio does not read; convert it to PEFT's form",
    );
  }
  const advice = type === "PREFIX_TUNING" || type === "PROMPT_TUNING"
    ? "; loadPrompt loads learned prompts"
    : "";
  throw malformed(
    `peft_type: expected ${types.map((each) => show(each)).join(" or ")}, got ${
      type === undefined ? "none" : show(type)
    }${advice}`,
  );
}

function isOff(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === null || value === false || value === 0;
}

function readInitial(fields: ConfigFields): Pick<LoraChoices, "initial"> {
  const value = fields.get("init_lora_weights") ?? true;
  if (typeof value === "boolean") return { initial: "uniform" };
  if (value === "gaussian") return { initial: "gaussian" };
  throw malformed(
    `init_lora_weights: expected true, false or "gaussian", got ${
      show(value)
    }, which changes the base`,
  );
}

/** The base and the task that a file names. */
export function readOrigin(fields: ConfigFields): Pick<AdapterConfig, "base" | "task"> {
  const base = fields.get("base_model_name_or_path");
  const task = fields.get("task_type");
  if (task !== undefined && task !== "CAUSAL_LM" && task !== "SEQ_CLS") {
    throw malformed(`task_type: expected "CAUSAL_LM" or "SEQ_CLS", got ${show(task)}`);
  }
  return { ...typeof base === "string" ? { base } : {}, ...task === undefined ? {} : { task } };
}

function number(fields: ConfigFields, name: string, fallback: number): number {
  const value = fields.get(name) ?? fallback;
  if (typeof value === "number") return value;
  throw malformed(`${name}: expected a number, got ${show(value)}`);
}

/** A string or a list of strings. */
function namesOr(fields: ConfigFields, name: string): string | string[] | undefined {
  const value = fields.get(name);
  const isList = Array.isArray(value) && value.every((part) => typeof part === "string");
  if (value === undefined || typeof value === "string" || isList) return value as string[];
  throw malformed(`${name}: expected names or a regular expression, got ${show(value)}`);
}

function listOf(fields: ConfigFields, name: string): readonly string[] {
  const value = namesOr(fields, name) ?? [];
  if (typeof value !== "string") return value;
  throw malformed(`${name}: expected a list of names, got ${show(value)}`);
}

function layersOr(fields: ConfigFields): number | number[] | undefined {
  const value = fields.get("layers_to_transform");
  const all: unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
  if (all.every((index) => Number.isSafeInteger(index))) return value as number[] | undefined;
  throw malformed(`layers_to_transform: expected indices of layers, got ${show(value)}`);
}

function patterns(fields: ConfigFields, name: string): Record<string, number> {
  const value = fields.get(name) ?? {};
  const isTable = typeof value === "object" && !Array.isArray(value) &&
    Object.values(value!).every((number) => typeof number === "number");
  if (isTable) return value as Record<string, number>;
  throw malformed(`${name}: expected an object of numbers, got ${show(value)}`);
}

function checked(options: Parameters<typeof loraChoices>[1]): LoraChoices {
  try {
    return loraChoices(CONFIG_FILE, options);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new SyntaxError(cause.message, { cause });
  }
}

/** An error about the file. */
export function malformed(message: string, cause?: unknown): SyntaxError {
  return new SyntaxError(`${CONFIG_FILE}: ${message}`, { cause });
}
