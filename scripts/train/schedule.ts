/**
 * The learning rate of a run of `deno task train`, and notes for the user about it.
 *
 * @module
 */
import { type Schedule, type TrainerOptions, type TrainSettings, warmupDecay } from "../../mod.ts";

/** The learning rate of each step. */
export function scheduleOf(settings: TrainSettings): Schedule {
  const { learningRate, minLearningRate, warmupSteps, steps, decay, decayShare } = settings;
  return warmupDecay({ learningRate, minLearningRate, warmupSteps, steps, decay, decayShare });
}

/** What a run's settings say of a trainer's steps. */
export function stepOptions(
  settings: TrainSettings,
): Pick<TrainerOptions, "accumulate" | "learningRate" | "seed"> {
  const { accumulate, seed } = settings;
  return { accumulate, learningRate: scheduleOf(settings), seed };
}

/** A line if the run ends before its warm-up does. */
export function warmupNotes(settings: TrainSettings): string[] {
  const { learningRate, warmupSteps, steps } = settings;
  if (steps > warmupSteps || learningRate === 0) return [];
  const highest = shown(scheduleOf(settings)(steps - 1));
  return [
    `the warm-up of ${warmupSteps} steps is longer than the run of ${steps}: the learning rate ` +
    `reaches ${highest}, not ${shown(learningRate)}; --warmup-steps makes it shorter`,
  ];
}

/** A line if the rate rises after `step` updates, for example because `--steps` was raised. */
export function riseNotes(before: TrainSettings, after: TrainSettings, step: number): string[] {
  const [last, next] = [scheduleOf(before)(step - 1), scheduleOf(after)(step)];
  if (step <= before.warmupSteps || next <= 1.01 * last) return [];
  return [
    `the learning rate rises from ${shown(last)} to ${shown(next)}, because it now falls until ` +
    `step ${after.steps}; --learning-rate and --min-learning-rate set others`,
  ];
}

function shown(rate: number): string {
  return String(Number(rate.toPrecision(3)));
}
