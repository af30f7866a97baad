/**
 * How an encoder–decoder's makers have it write: the settings of `generation_config.json` as
 * options of `generateTargets`, read and written.
 *
 * See generation_config.ts for language models.
 *
 * @module
 */
import { type ConfigFields, unexpected } from "./config_fields.ts";
import { readSampling, type SamplingDefaults } from "./generation_config.ts";

/** The settings of an encoder–decoder's files, as options of `generateTargets`. */
export interface TargetDefaults extends SamplingDefaults {
  /** Most tokens of a target. */
  readonly maxNewTokens?: number;
  /** Suppress end tokens until this many tokens are written. */
  readonly minNewTokens?: number;
  /** Beams of a beam search. */
  readonly beams?: number;
  /** A target's score is Σ log p / tokens^lengthPenalty. */
  readonly lengthPenalty?: number;
  /** When a search ends. */
  readonly earlyStopping?: boolean | "never";
  /** A target of `maxNewTokens` ends with an end token. */
  readonly forcedEnd?: boolean;
}

/** The settings that Folio has, and the others. */
export interface TargetSettings {
  /** Options of `generateTargets`; empty if the files say nothing. */
  readonly generation: TargetDefaults;
  /** The fields that ask for what Folio does not have, as the file has them. */
  readonly unknownSettings: Readonly<Record<string, unknown>>;
}

/** Settings that change a text and that Folio does not have, and the values that change nothing. */
const UNKNOWN: Readonly<Record<string, unknown>> = {
  bad_words_ids: null,
  begin_suppress_tokens: null,
  constraints: null,
  diversity_penalty: 0,
  dola_layers: null,
  encoder_no_repeat_ngram_size: 0,
  encoder_repetition_penalty: 1,
  epsilon_cutoff: 0,
  eta_cutoff: 0,
  exponential_decay_length_penalty: null,
  force_words_ids: null,
  forced_decoder_ids: null,
  guidance_scale: 1,
  num_beam_groups: 1,
  penalty_alpha: 0,
  renormalize_logits: false,
  sequence_bias: null,
  stop_strings: null,
  suppress_tokens: null,
  top_h: null,
  typical_p: 1,
  watermarking_config: null,
};

/** The tokens around a target, as far as the settings depend on them. */
interface Ends {
  /** Number of tokens that begin every target, a forced first token among them. */
  readonly startTokens: readonly number[];
  /** End a target. */
  readonly endTokens: readonly number[];
}

/**
 * Reads the settings of a `generation_config.json` or, from before there were such files, of a
 * `config.json`. Lengths in the files count the tokens that begin a target.
 *
 * @throws {SyntaxError} naming the field, what was expected and what was found
 */
export function readTargetSettings(fields: ConfigFields, ends: Ends): TargetSettings {
  const beams = fields.wholeNumber("num_beams", 1);
  const sampling = readSampling(fields);
  const isDrawn = (sampling.temperature ?? 0) > 0;
  const forcedEnd = readForcedEnd(fields, ends);
  const unknownSettings: Record<string, unknown> = {
    ...beams > 1 && isDrawn ? { do_sample: true } : {},
    ...forcedEnd === undefined ? { forced_eos_token_id: fields.get("forced_eos_token_id") } : {},
  };
  for (const [name, neutral] of Object.entries(UNKNOWN)) {
    const value = fields.get(name);
    if (value !== undefined && value !== neutral) unknownSettings[name] = value;
  }
  const searched = beams > 1
    ? {
      beams,
      lengthPenalty: fields.number("length_penalty", 1),
      earlyStopping: readEarlyStopping(fields),
    }
    : {};
  const { temperature: _, topK: _k, topP: _p, minP: _m, ...rules } = sampling;
  const generation = {
    ...isDrawn && beams === 1 ? sampling : rules,
    ...searched,
    ...readLengths(fields, ends, forcedEnd === true),
    ...forcedEnd ? { forcedEnd } : {},
  };
  return { generation, unknownSettings };
}

/** Whether an end token is forced; undefined if another token is. */
function readForcedEnd(fields: ConfigFields, { endTokens }: Ends): boolean | undefined {
  const forced = fields.wholeNumber("forced_eos_token_id", undefined, 0);
  if (forced === undefined) return false;
  return endTokens.includes(forced) ? true : undefined;
}

function readEarlyStopping(fields: ConfigFields): boolean | "never" {
  const value = fields.get("early_stopping") ?? false;
  if (typeof value === "boolean" || value === "never") return value;
  throw unexpected("early_stopping", 'true, false or "never"', value);
}

/** The lengths without the tokens that begin a target, and without a forced end. */
function readLengths(
  fields: ConfigFields,
  { startTokens }: Ends,
  forcedEnd: boolean,
): Pick<TargetDefaults, "maxNewTokens" | "minNewTokens"> {
  const start = Math.max(1, startTokens.length);
  const total = (length: string, fresh: string) => {
    const count = fields.wholeNumber(fresh, undefined, 0);
    return count === undefined ? fields.wholeNumber(length, undefined, 0) : count + 1;
  };
  const [most, least] = [
    total("max_length", "max_new_tokens"),
    total("min_length", "min_new_tokens"),
  ];
  const maxNewTokens = most === undefined ? undefined : most - start - (forcedEnd ? 1 : 0);
  const minNewTokens = (least ?? 0) - start;
  return {
    ...maxNewTokens === undefined ? {} : { maxNewTokens: Math.max(1, maxNewTokens) },
    ...minNewTokens > 0 ? { minNewTokens } : {},
  };
}

/** The fields of `generation_config.json` for these settings; `readTargetSettings` reads them. */
export function writeTargetSettings(
  { generation = {}, unknownSettings = {} }: Partial<TargetSettings>,
  { startTokens, endTokens }: Ends,
): Record<string, unknown> {
  const { maxNewTokens, minNewTokens, beams, lengthPenalty, earlyStopping, forcedEnd } = generation;
  const start = Math.max(1, startTokens.length);
  return { // JSON omits what is undefined
    num_beams: beams,
    length_penalty: lengthPenalty,
    early_stopping: earlyStopping,
    max_length: maxNewTokens && maxNewTokens + start + (forcedEnd ? 1 : 0),
    min_length: minNewTokens && minNewTokens + start,
    forced_eos_token_id: forcedEnd ? endTokens[0] : undefined,
    ...unknownSettings,
  };
}
