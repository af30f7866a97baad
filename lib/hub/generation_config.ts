/**
 * `generation_config.json`: the tokens around a text, and how its makers sample from the model.
 *
 * config.ts reads `config.json`, which names the same tokens.
 *
 * @module
 */
import { type ConfigFields, parseConfig } from "./config_fields.ts";
import { oneOrMore, readTextEnds, type TextEnds } from "./text_ends.ts";

/**
 * How a model's makers sample from it, as options of `generate`: pass them on before your own, as
 * in `generate(model, prompt, { ...sampling, temperature: 0.5 })`. Empty if the files say nothing.
 */
export interface SamplingDefaults {
  /** Divides the logits; 0 takes the likeliest token. */
  readonly temperature?: number;
  /** Keep the k likeliest tokens; 0 keeps all. */
  readonly topK?: number;
  /** Keep the fewest likeliest tokens whose probabilities sum to this. */
  readonly topP?: number;
  /** Keep the tokens with at least this times the likeliest one's probability. */
  readonly minP?: number;
  /** Divides the positive and multiplies the negative logits of tokens used before. */
  readonly repetitionPenalty?: number;
  /** No n-gram of this size may repeat. */
  readonly noRepeatNgram?: number;
}

/** What a `generation_config.json` says. */
export interface GenerationConfig extends TextEnds {
  /** How to sample. */
  readonly sampling: SamplingDefaults;
}

/** The default of transformers if a file samples and names no `top_k`. */
const TOP_K = 50;

/**
 * Reads the text of a `generation_config.json`, untrusted; an empty one says nothing. Temperature
 * and filters count only if `do_sample` is true, as in transformers; `do_sample: false` is
 * temperature 0.
 *
 * @throws {SyntaxError} if it is malformed, ids are none, or a number is out of range
 */
export function readGenerationConfig(text: string): GenerationConfig {
  if (text.trim() === "") return { endTokens: [], sampling: {} };
  try {
    const fields = parseConfig(text);
    return { ...readTextEnds(fields), sampling: readSampling(fields) };
  } catch (cause) {
    const { message } = cause as Error;
    throw new SyntaxError(message.replace(/^config/, "generation_config"), { cause });
  }
}

/** How a file says to sample. */
export function readSampling(fields: ConfigFields): SamplingDefaults {
  const sampling: Record<string, number> = {};
  const read = (name: string, option: keyof SamplingDefaults, none: number) => {
    const value = fields.number(name, none);
    if (value !== none) sampling[option] = value;
  };
  read("repetition_penalty", "repetitionPenalty", 1);
  read("no_repeat_ngram_size", "noRepeatNgram", 0);
  if (fields.get("do_sample") === undefined) return sampling;
  if (!fields.boolean("do_sample", false)) return { ...sampling, temperature: 0 };
  read("min_p", "minP", 0);
  return {
    ...sampling,
    temperature: fields.number("temperature", 1),
    topK: fields.wholeNumber("top_k", TOP_K, 0),
    topP: fields.number("top_p", 1),
  };
}

/** The object to be written as `generation_config.json`; `readGenerationConfig` reads it back. */
export function writeGenerationConfig(
  { beginToken, endTokens = [], padToken, sampling = {} }: Partial<GenerationConfig>,
): Record<string, unknown> {
  const { temperature, topK, topP, minP, repetitionPenalty, noRepeatNgram } = sampling;
  const isGreedy = temperature === 0;
  return { // JSON omits what is undefined
    _from_model_config: true,
    bos_token_id: beginToken,
    eos_token_id: oneOrMore(endTokens),
    pad_token_id: padToken,
    do_sample: temperature === undefined ? undefined : !isGreedy,
    temperature: isGreedy ? undefined : temperature,
    top_k: topK,
    top_p: topP,
    min_p: minP,
    repetition_penalty: repetitionPenalty,
    no_repeat_ngram_size: noRepeatNgram,
  };
}
