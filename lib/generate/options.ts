/**
 * Checks of the options that every way of generating shares.
 *
 * @module
 */
import { expectSeed } from "../random.ts";

/** How one token is chosen. */
export interface SamplingOptions {
  /** Tokens to generate, from 1. Default 200. */
  maxNewTokens?: number;
  /**
   * Divides the logits: 0 takes the likeliest token, 1 leaves the model's distribution. Default 1.
   */
  temperature?: number;
  /** Keep the k likeliest tokens; 0 keeps all. Default 0. */
  topK?: number;
  /** Keep the fewest likeliest tokens whose probabilities sum to this; 1 keeps all. Default 1. */
  topP?: number;
  /**
   * Keep the tokens with at least this times the likeliest one's probability; 0 keeps all. Default
   * 0.
   */
  minP?: number;
  /** Same seed, same tokens: an integer in [0, 2^32). Default 0. */
  seed?: number;
  /** Ends the text after the tokens so far. */
  signal?: AbortSignal;
}

/** RangeError unless `value` is a whole number from `least` on. */
export function expectWhole(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`generate: ${name} must be a whole number from ${least}, got ${value}`);
  }
}

/** RangeError for a prompt without tokens or with one outside the vocabulary. */
export function expectPrompt(prompt: ArrayLike<number>, vocabSize: number): void {
  if (prompt.length === 0) {
    throw new RangeError("generate: the prompt is empty; give at least one token");
  }
  const wrong = Array.from(prompt).find((id) =>
    !(Number.isInteger(id) && id >= 0 && id < vocabSize)
  );
  if (wrong !== undefined) {
    throw new RangeError(`generate: expected ids from 0 to ${vocabSize - 1}, got ${wrong}`);
  }
}

/** RangeError for a sampling option out of range. */
export function expectSampling(options: Required<Omit<SamplingOptions, "signal">>): void {
  const { maxNewTokens, temperature, topK, topP, minP, seed } = options;
  expectSeed("generate", seed);
  expectWhole("maxNewTokens", maxNewTokens, 1);
  expectWhole("topK", topK, 0);
  if (!(temperature >= 0)) {
    throw new RangeError(`generate: temperature must be a number from 0, got ${temperature}`);
  }
  if (!(topP > 0 && topP <= 1)) {
    throw new RangeError(`generate: topP must be above 0 and at most 1, got ${topP}`);
  }
  if (!(minP >= 0 && minP <= 1)) {
    throw new RangeError(`generate: minP must be from 0 to 1, got ${minP}`);
  }
}

/** The options beyond sampling that `expectRules` checks. */
interface RuleOptions extends SamplingOptions {
  readonly minNewTokens?: number;
  readonly repetitionPenalty?: number;
  readonly noRepeatNgram?: number;
  readonly stop?: string | readonly unknown[];
  readonly beams?: number;
  readonly sequences?: number;
  readonly lengthPenalty?: number;
}

/** RangeError for a rule out of range, or options that exclude each other. */
export function expectRules(options: RuleOptions): void {
  const { minNewTokens = 0, repetitionPenalty = 1, noRepeatNgram = 0, beams = 1 } = options;
  const { sequences = 1, lengthPenalty = 1, stop = [] } = options;
  expectWhole("minNewTokens", minNewTokens, 0);
  expectWhole("noRepeatNgram", noRepeatNgram, 0);
  expectWhole("beams", beams, 1);
  expectWhole("sequences", sequences, 1);
  if (!(repetitionPenalty > 0 && repetitionPenalty < Infinity)) {
    throw new RangeError(
      `generate: repetitionPenalty must be above 0, got ${repetitionPenalty}`,
    );
  }
  if (!Number.isFinite(lengthPenalty)) {
    throw new RangeError(`generate: lengthPenalty must be a number, got ${lengthPenalty}`);
  }
  if (beams === 1) return;
  if (sequences > beams) {
    throw new RangeError(`generate: ${beams} beams cannot give ${sequences} sequences`);
  }
  const sampling = (["temperature", "topK", "topP", "minP"] as const)
    .find((name) => options[name] !== undefined);
  if (sampling || stop.length > 0) {
    throw new RangeError(`generate: beams go without ${sampling ?? "stop"}; leave one of them out`);
  }
}
