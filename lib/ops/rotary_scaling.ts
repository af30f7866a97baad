/**
 * Frequencies of rotary positions for a context longer than the one that a model was first trained
 * with: linear, Llama 3's, YaRN's and LongRoPE's. rotary.ts rotates by them;
 * lib/hub/rotary_fields.ts reads them from a `config.json`.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { checkOptions, type OptionNames } from "../options.ts";

/** All frequencies are divided by `factor`. Source: Chen et al., arXiv 2306.15595. */
export interface LinearScaling {
  /** The kind of scaling. */
  readonly type: "linear";
  /** Divides the frequencies, from 1. */
  readonly factor: number;
}

/**
 * Frequencies that turn fewer than `lowFrequency` times within `originalLength` tokens are divided
 * by `factor`, those that turn more than `highFrequency` times are kept, those between are blended.
 * Source: Llama 3.1's `rope_type: "llama3"`.
 */
export interface Llama3Scaling {
  /** The kind of scaling. */
  readonly type: "llama3";
  /** Divides the slow frequencies, from 1. */
  readonly factor: number;
  /** Turns below which a frequency is slow. */
  readonly lowFrequency: number;
  /** Turns above which a frequency is fast. */
  readonly highFrequency: number;
  /** Tokens of the first training. */
  readonly originalLength: number;
}

/**
 * Frequencies are divided by `factor` by a ramp over their indices: those that turn more than
 * `fastTurns` times within `originalLength` tokens are kept, those that turn fewer than `slowTurns`
 * times are divided. Cosine and sine are multiplied by `gain`. Source: Peng et al., arXiv
 * 2309.00071.
 */
export interface YarnScaling {
  /** The kind of scaling. */
  readonly type: "yarn";
  /** Divides the slow frequencies, from 1. */
  readonly factor: number;
  /** Tokens of the first training. */
  readonly originalLength: number;
  /** Turns from which on a frequency is kept. Default 32. */
  readonly fastTurns?: number;
  /** Turns up to which a frequency is divided. Default 1. */
  readonly slowTurns?: number;
  /** Multiplies cosine and sine. Default: 0.1·ln(factor) + 1. */
  readonly gain?: number;
  /** Round the ends of the ramp to whole indices. Default true. */
  readonly rounded?: boolean;
}

/**
 * The j-th frequency is divided by the j-th of `shortFactors` in texts of at most `originalLength`
 * tokens, the longest that Folio computes, and by that of `longFactors` in longer ones. Cosine and
 * sine are multiplied by `gain`. Source: Ding et al., arXiv 2402.13753 (LongRoPE).
 */
export interface LongRopeScaling {
  /** The kind of scaling. */
  readonly type: "longrope";
  /** Divisors above 0, one for each pair of columns. */
  readonly shortFactors: readonly number[];
  /** The same for longer texts, which are kept for saving only. */
  readonly longFactors: readonly number[];
  /** Tokens of the first training, and the longest context. */
  readonly originalLength: number;
  /** Multiplies cosine and sine. Default 1. */
  readonly gain?: number;
}

/** Scaling of the frequencies of rotary positions for a longer context. */
export type RotaryScaling = LinearScaling | Llama3Scaling | YarnScaling | LongRopeScaling;

/** Frequencies in radians per token, and the factor of cosine and sine. */
export interface RotaryFrequencies {
  readonly frequencies: Float64Array;
  readonly gain: number;
}

/** The frequencies base^(−j/half) of `half` pairs, scaled. */
export function rotaryFrequencies(
  half: number,
  base: number,
  scaling?: RotaryScaling,
): RotaryFrequencies {
  const frequencies = Float64Array.from({ length: half }, (_, j) => base ** (-j / half));
  if (!scaling) return { frequencies, gain: 1 };
  if (scaling.type === "longrope") {
    const { shortFactors, gain = 1 } = scaling;
    return { frequencies: frequencies.map((f, j) => f / shortFactors[j]), gain };
  }
  const kept = keptShares(frequencies, base, scaling);
  const { factor } = scaling;
  const scaled = frequencies.map((f, j) => kept[j] * f + (1 - kept[j]) * f / factor);
  return { frequencies: scaled, gain: scaling.type === "yarn" ? gainOf(scaling) : 1 };
}

/** The share of each frequency that is not divided. */
function keptShares(
  frequencies: Float64Array,
  base: number,
  scaling: LinearScaling | Llama3Scaling | YarnScaling,
): Float64Array {
  if (scaling.type === "linear") return frequencies.map(() => 0);
  if (scaling.type === "yarn") return yarnShares(frequencies.length, base, scaling);
  const { lowFrequency, highFrequency, originalLength } = scaling;
  return frequencies.map((frequency) => {
    const turns = originalLength * frequency / (2 * Math.PI);
    return clamped((turns - lowFrequency) / (highFrequency - lowFrequency));
  });
}

function yarnShares(half: number, base: number, scaling: YarnScaling): Float64Array {
  const { originalLength, fastTurns = 32, slowTurns = 1, rounded = true } = scaling;
  const indexOf = (turns: number) =>
    half * Math.log(originalLength / (turns * 2 * Math.PI)) / Math.log(base);
  const [fast, slow] = [indexOf(fastTurns), indexOf(slowTurns)];
  const start = Math.max(rounded ? Math.floor(fast) : fast, 0);
  const end = Math.min(rounded ? Math.ceil(slow) : slow, 2 * half - 1);
  const length = start === end ? 0.001 : end - start;
  return Float64Array.from({ length: half }, (_, j) => 1 - clamped((j - start) / length));
}

function gainOf({ factor, gain = 0.1 * Math.log(factor) + 1 }: YarnScaling): number {
  return gain;
}

function clamped(share: number): number {
  return Math.min(1, Math.max(0, share));
}

const NAMES = {
  linear: { type: true, factor: true },
  llama3: {
    type: true,
    factor: true,
    lowFrequency: true,
    highFrequency: true,
    originalLength: true,
  },
  yarn: {
    type: true,
    factor: true,
    originalLength: true,
    fastTurns: true,
    slowTurns: true,
    gain: true,
    rounded: true,
  },
  longrope: {
    type: true,
    shortFactors: true,
    longFactors: true,
    originalLength: true,
    gain: true,
  },
} satisfies {
  [Type in RotaryScaling["type"]]: OptionNames<Extract<RotaryScaling, { type: Type }>>;
};

/**
 * Checks a scaling of `half` frequencies that may come from a file.
 *
 * @throws {RangeError} if its type is unknown or a number is out of range
 * @throws {TypeError} if a name is unknown
 */
export function expectRotaryScaling(
  operation: string,
  scaling: RotaryScaling,
  half: number,
): void {
  const { type } = scaling;
  if (typeof type !== "string" || !Object.hasOwn(NAMES, type)) {
    throw new RangeError(
      `${operation}: rotaryScaling.type must be linear, llama3, yarn or longrope, got ${
        describe(type)
      }`,
    );
  }
  checkOptions(`${operation}: rotaryScaling`, scaling, NAMES[type]);
  const fail = (expected: string) =>
    new RangeError(
      `${operation}: rotaryScaling needs ${expected}, got ${JSON.stringify(scaling)}`,
    );
  if (scaling.type === "longrope") {
    const { shortFactors, longFactors, originalLength, gain = 1 } = scaling;
    const fits = (factors: unknown) =>
      Array.isArray(factors) && factors.length === half &&
      factors.every((factor) => isAbove(0, factor));
    if (!fits(shortFactors) || !fits(longFactors)) {
      throw fail(`two lists of ${half} factors above 0`);
    }
    if (!isAtLeastOne(originalLength)) throw fail("an originalLength from 1");
    if (!isAbove(0, gain)) throw fail("a gain above 0");
    return;
  }
  if (!isAtLeastOne(scaling.factor)) throw fail("a factor from 1");
  if (scaling.type === "linear") return;
  if (!isAtLeastOne(scaling.originalLength)) throw fail("an originalLength from 1");
  if (scaling.type === "llama3") {
    const { lowFrequency, highFrequency } = scaling;
    if (isAbove(0, lowFrequency) && isAbove(lowFrequency, highFrequency)) return;
    throw fail("0 < lowFrequency < highFrequency");
  }
  const { fastTurns = 32, slowTurns = 1, gain = 1, rounded = true } = scaling;
  if (!isAbove(0, slowTurns) || !isAbove(slowTurns, fastTurns)) {
    throw fail("0 < slowTurns < fastTurns");
  }
  if (!isAbove(0, gain)) throw fail("a gain above 0");
  if (typeof rounded !== "boolean") throw fail("rounded true or false");
}

function isAtLeastOne(value: unknown): boolean {
  return Number.isFinite(value) && (value as number) >= 1;
}

function isAbove(bound: number, value: unknown): boolean {
  return Number.isFinite(value) && (value as number) > bound;
}
