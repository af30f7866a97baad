/**
 * Learning-rate schedules: functions from a step, counted from 0, to a rate.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { expectValue, oneOf } from "../rules.ts";
import { expectNumbers } from "./optimizer.ts";

/** The learning rate at a step, counted from 0. */
export type Schedule = (step: number) => number;

/** The learning rate of step number `step`, of a trainer's option. */
export function rateAt(learningRate: number | Schedule, step: number): number {
  return typeof learningRate === "number" ? learningRate : learningRate(step);
}

/**
 * Checks a trainer's option `learningRate`.
 *
 * @throws {TypeError} if it is neither a number nor a function
 */
export function expectLearningRate(trainer: string, learningRate: unknown): void {
  if (typeof learningRate === "number" || typeof learningRate === "function") return;
  throw new TypeError(
    `${trainer}: expected the option learningRate, a number or a function of the step such as ` +
      `warmupDecay gives, got ${describe(learningRate)}`,
  );
}

/** Shape of the schedule between the end of the warm-up and the last step. */
export type Decay = "cosine" | "linear" | "constant";

/** Options of `warmupDecay`. */
export interface ScheduleOptions {
  /** The rate at the end of the warm-up. */
  learningRate: number;
  /** The rate at the last step, and after it. Default: a tenth of `learningRate`. */
  minLearningRate?: number;
  /** Warm-up steps, in which the rate rises linearly. Default 0. */
  warmupSteps?: number;
  /** Number of steps of the whole run. */
  steps: number;
  /** Shape after the warm-up. Default `cosine`. */
  decay?: Decay;
  /**
   * Share of the steps, at the end, in which the rate falls, in (0, 1]; before, it is
   * `learningRate` (warm-up–stable–decay). Default 1: it falls from the warm-up on.
   */
  decayShare?: number;
}

const OPTIONS = {
  learningRate: true,
  minLearningRate: true,
  warmupSteps: true,
  steps: true,
  decay: true,
  decayShare: true,
};
const DECAYS: readonly Decay[] = ["cosine", "linear", "constant"];

/**
 * The rate rises as learningRate·(step + 1)/(warmupSteps + 1), stays there until the share
 * `decayShare` of the steps is left, and falls to `minLearningRate`: along half a cosine, linearly,
 * or not at all. Source: nanoGPT; Loshchilov & Hutter, arXiv 1608.03983; of the stable phase Hu et
 * al., arXiv 2404.06395.
 *
 * ```ts
 * import { warmupDecay } from "../../mod.ts";
 * const rate = warmupDecay({ learningRate: 1e-3, warmupSteps: 100, steps: 2000 });
 * console.log(rate(0), rate(100), rate(1999)); // 0.0000099, 0.001, 0.0001
 * ```
 *
 * @throws {RangeError} for an option out of range
 */
export function warmupDecay(options: ScheduleOptions): Schedule {
  checkOptions("warmupDecay", options, OPTIONS);
  const { learningRate, minLearningRate = learningRate / 10, warmupSteps = 0, steps } = options;
  const { decay = "cosine", decayShare = 1 } = options;
  expectNumbers("warmupDecay", { learningRate, minLearningRate, warmupSteps, steps });
  expectValue("warmupDecay: decay", oneOf(DECAYS), decay);
  if (!(decayShare > 0 && decayShare <= 1)) {
    throw new RangeError(`warmupDecay: decayShare must be in (0, 1], got ${describe(decayShare)}`);
  }
  const start = Math.max(warmupSteps, Math.round(steps * (1 - decayShare)));
  const span = Math.max(1, steps - 1 - start);
  return (step) => {
    if (step < warmupSteps) return learningRate * (step + 1) / (warmupSteps + 1);
    if (decay === "constant" || step < start) return learningRate;
    const share = Math.min(1, (step - start) / span);
    const left = decay === "cosine" ? 0.5 * (1 + Math.cos(Math.PI * share)) : 1 - share;
    return minLearningRate + left * (learningRate - minLearningRate);
  };
}
