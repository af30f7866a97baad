/**
 * The options that `generate`, `Generator` and `greedyDecode` share, and their checks.
 *
 * @module
 */
import { describe } from "../errors.ts";
import type { OptionNames } from "../options.ts";
import { expectSeed } from "../random.ts";
import { expectValue, wholeNumber } from "../rules.ts";
import { expectIds } from "../token_ids.ts";

/** How one token is chosen. */
export interface SamplingOptions {
  /** Tokens to generate, from 1. Default 200. */
  maxNewTokens?: number;
  /**
   * Divides the logits, from 0 to 1e38: 0 takes the likeliest token, 1 leaves the model's
   * distribution. Default 1.
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

/** The names of these options. */
export const SAMPLING_OPTIONS: OptionNames<SamplingOptions> = {
  maxNewTokens: true,
  temperature: true,
  topK: true,
  topP: true,
  minP: true,
  seed: true,
  signal: true,
};

/** RangeError unless `value` is a whole number from `minimum`. */
export function expectWhole(operation: string, name: string, value: number, minimum: number): void {
  expectValue(`${operation}: ${name}`, wholeNumber({ min: minimum }), value);
}

/**
 * Checks a prompt of ids.
 *
 * @throws {RangeError} if it is empty, or has an id outside the vocabulary
 * @throws {TypeError} if it is no list of ids
 */
export function expectPrompt(
  operation: string,
  prompt: ArrayLike<number>,
  vocabSize: number,
): void {
  expectIds(operation, prompt, vocabSize);
  if (prompt.length === 0) {
    throw new RangeError(`${operation}: the prompt is empty; give at least one token`);
  }
}

/** The highest temperature: a finite number also in 32 bits. */
const MOST = 1e38;

/** RangeError for a sampling option out of range. */
export function expectSampling(
  operation: string,
  options: Required<Omit<SamplingOptions, "signal">>,
): void {
  const { maxNewTokens, temperature, topK, topP, minP, seed } = options;
  expectSeed(operation, seed);
  expectWhole(operation, "maxNewTokens", maxNewTokens, 1);
  expectWhole(operation, "topK", topK, 0);
  const expect = (name: string, value: number, fits: boolean, range: string) => {
    if (fits && typeof value === "number") return;
    throw new RangeError(`${operation}: ${name} must be ${range}, got ${describe(value)}`);
  };
  expect("temperature", temperature, temperature >= 0 && temperature <= MOST, "from 0 to 1e38");
  expect("topP", topP, topP > 0 && topP <= 1, "above 0 and at most 1");
  expect("minP", minP, minP >= 0 && minP <= 1, "from 0 to 1");
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
  readonly earlyStopping?: boolean | "never";
  readonly overflow?: "slide" | "stop";
}

/** RangeError for a rule out of range, or options that exclude each other. */
export function expectRules(options: RuleOptions, operation = "generate"): void {
  const { minNewTokens = 0, repetitionPenalty = 1, noRepeatNgram = 0, beams = 1 } = options;
  const { sequences = 1, lengthPenalty = 1, stop = [] } = options;
  const { earlyStopping = false, overflow = "slide", seed = 0 } = options;
  expectSeed(operation, seed);
  const minimum = { minNewTokens: 0, noRepeatNgram: 0, beams: 1, sequences: 1 };
  const counts = { minNewTokens, noRepeatNgram, beams, sequences };
  for (const name of Object.keys(minimum) as (keyof typeof minimum)[]) {
    expectWhole(operation, name, counts[name], minimum[name]);
  }
  const expect = (name: string, value: unknown, fits: boolean, range: string) => {
    if (!fits) {
      throw new RangeError(`${operation}: ${name} must be ${range}, got ${describe(value)}`);
    }
  };
  const penalized = repetitionPenalty > 0 && repetitionPenalty < Infinity;
  expect("repetitionPenalty", repetitionPenalty, penalized, "a number above 0");
  expect("lengthPenalty", lengthPenalty, Number.isFinite(lengthPenalty), "a number");
  expect("overflow", overflow, ["slide", "stop"].includes(overflow), '"slide" or "stop"');
  const early = [true, false, "never"].includes(earlyStopping);
  expect("earlyStopping", earlyStopping, early, 'true, false or "never"');
  if (beams === 1) return;
  if (sequences > beams) {
    throw new RangeError(`${operation}: ${beams} beams cannot give ${sequences} sequences`);
  }
  const sampling = (["temperature", "topK", "topP", "minP"] as const)
    .find((name) => options[name] !== undefined);
  if (sampling || stop.length > 0) {
    throw new RangeError(
      `${operation}: beams go without ${sampling ?? "stop"}; leave one of them out`,
    );
  }
}
