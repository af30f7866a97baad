/**
 * How a sentence-transformer makes a vector of a text, read and written: the files `modules.json`,
 * `1_Pooling/config.json`, `sentence_bert_config.json` and `config_sentence_transformers.json`,
 * untrusted.
 *
 * Source: github.com/huggingface/sentence-transformers, whose defaults are used here.
 *
 * @module
 */
import { notJson } from "../errors.ts";
import type { EncoderConfig } from "../nn/encoder.ts";
import { type Pooling, POOLINGS } from "../nn/pool.ts";
import { ConfigFields } from "./config_fields.ts";
import { readText, type Repository } from "./repository.ts";

/** How an encoder makes a vector of a text. */
export interface SentenceModules {
  /** How the vectors of tokens become one; `"mean"` if the files do not say. */
  readonly pooling: Pooling;
  /** Whether vectors are scaled to length 1; false if the files do not say. */
  readonly normalize: boolean;
  /** The tokens of a text that are read, special ones included. */
  readonly maxLength: number;
  /** Whether texts are put into lower case before they are tokenized. */
  readonly lowercase: boolean;
  /** Texts that precede an input, by their names, such as `query`. */
  readonly prompts: Readonly<Record<string, string>>;
  /** The name of the prompt that is used unless options name another. */
  readonly defaultPrompt?: string;
}

const POOLING = "1_Pooling/config.json";

/** The file of the transformer's own settings, and that of prompts. */
const SENTENCES = "sentence_bert_config.json", SETTINGS = "config_sentence_transformers.json";

/** The names in `modules.json`, without their packages, of what Folio computes. */
const MODULES = ["Transformer", "Pooling", "Normalize"];

/**
 * Reads the files, none of which needs to be there.
 *
 * @throws {SyntaxError} if one is malformed, or names a module or a pooling that Folio does not
 *   have
 */
export async function readSentenceModules(
  repository: Repository,
  contextLength: number,
): Promise<SentenceModules> {
  const modules = readModules(await json(repository, "modules.json"), repository.name);
  const poolingFile = modules.find(({ kind }) => kind === "Pooling")?.path ?? "1_Pooling";
  const pooling = await fields(repository, `${poolingFile}/config.json`);
  const sentences = await fields(repository, SENTENCES);
  const settings = await fields(repository, SETTINGS);
  const maxLength = sentences?.wholeNumber("max_seq_length", undefined) ?? contextLength;
  return {
    pooling: pooling ? readPooling(pooling, repository.name) : "mean",
    normalize: modules.some(({ kind }) => kind === "Normalize"),
    maxLength: Math.min(maxLength, contextLength),
    lowercase: sentences?.boolean("do_lower_case", false) ?? false,
    ...readPrompts(settings, repository.name),
  };
}

/** The contents of these files, by their names; `readSentenceModules` reads them back. */
export function writeSentenceModules(
  { pooling = "mean", normalize = false, ...modules }: Partial<SentenceModules>,
  { width, contextLength }: EncoderConfig,
): Record<string, unknown> {
  const { maxLength = contextLength, lowercase = false, prompts = {}, defaultPrompt } = modules;
  const kinds = normalize ? MODULES : MODULES.slice(0, 2);
  const paths = ["", "1_Pooling", "2_Normalize"];
  return {
    "modules.json": kinds.map((kind, idx) => ({
      idx,
      name: `${idx}`,
      path: paths[idx],
      type: `sentence_transformers.models.${kind}`,
    })),
    [POOLING]: {
      word_embedding_dimension: width,
      pooling_mode_cls_token: pooling === "cls",
      pooling_mode_mean_tokens: pooling === "mean",
      pooling_mode_max_tokens: false,
      pooling_mode_mean_sqrt_len_tokens: false,
    },
    [SENTENCES]: { max_seq_length: maxLength, do_lower_case: lowercase },
    [SETTINGS]: { prompts, default_prompt_name: defaultPrompt ?? null },
  };
}

interface SentenceModule {
  readonly kind: string;
  readonly path: string;
}

function readModules(value: unknown, model: string): SentenceModule[] {
  if (value === undefined) return [];
  const wrong = (message: string) => new SyntaxError(`model ${model}: modules.json: ${message}`);
  if (!Array.isArray(value)) throw wrong("expected a list of modules");
  return value.map((entry: { type?: unknown; path?: unknown } | null) => {
    const { type, path } = entry ?? {};
    if (typeof type !== "string" || typeof path !== "string" || !/^[\w.-]*$/.test(path)) {
      throw wrong(`expected modules with a type and a path, got ${JSON.stringify(entry)}`);
    }
    const kind = type.slice(type.lastIndexOf(".") + 1);
    if (!MODULES.includes(kind)) {
      throw wrong(`expected modules of type ${MODULES.join(", ")}, got ${type}`);
    }
    if (kind === "Transformer" && path !== "") {
      throw wrong(`expected the Transformer in the model's own folder, got ${path}; load that one`);
    }
    return { kind, path };
  });
}

/** The one way of pooling; several, whose vectors would be joined, are refused. */
function readPooling(fields: ConfigFields, model: string): Pooling {
  const wrong = (got: string) =>
    new SyntaxError(
      `model ${model}: ${POOLING}: expected pooling by ${POOLINGS.join(" or ")}, got ${got}`,
    );
  if (fields.get("include_prompt") === false) throw wrong("include_prompt false");
  const named = fields.get("pooling_mode");
  if (named !== undefined) {
    if ((POOLINGS as readonly unknown[]).includes(named)) return named as Pooling;
    throw wrong(JSON.stringify(named));
  }
  const modes: Record<string, Pooling | undefined> = {
    pooling_mode_cls_token: "cls",
    pooling_mode_mean_tokens: "mean",
    pooling_mode_max_tokens: undefined,
    pooling_mode_mean_sqrt_len_tokens: undefined,
    pooling_mode_weightedmean_tokens: undefined,
    pooling_mode_lasttoken: undefined,
  };
  const chosen = Object.keys(modes).filter((mode) => fields.get(mode) === true);
  const pooling = chosen.length === 0 ? "mean" : modes[chosen[0]];
  if (chosen.length > 1 || !pooling) throw wrong(chosen.join(" and "));
  return pooling;
}

function readPrompts(
  fields: ConfigFields | undefined,
  model: string,
): Pick<SentenceModules, "prompts" | "defaultPrompt"> {
  const prompts = fields?.get("prompts") ?? {};
  const defaultPrompt = fields?.get("default_prompt_name");
  const areTexts = Object.values(prompts).every((prompt) => typeof prompt === "string");
  const isName = defaultPrompt === undefined || Object.hasOwn(prompts, defaultPrompt as string);
  if (typeof prompts === "object" && !Array.isArray(prompts) && areTexts && isName) {
    const own = prompts as Record<string, string>;
    return defaultPrompt === undefined
      ? { prompts: own }
      : { prompts: own, defaultPrompt: defaultPrompt as string };
  }
  throw new SyntaxError(
    `model ${model}: config_sentence_transformers.json: expected prompts {"name": "text"} and the ` +
      "name of one of them as default_prompt_name",
  );
}

async function fields(repository: Repository, file: string): Promise<ConfigFields | undefined> {
  const value = await json(repository, file);
  return value === undefined ? undefined : new ConfigFields(value);
}

async function json(repository: Repository, file: string): Promise<unknown> {
  const text = await readText(repository, file);
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch (cause) {
    const message = `model ${repository.name}: ${file}: ${notJson(cause)}`;
    throw new SyntaxError(message, { cause });
  }
}
