/**
 * Losses of the runs of one setting: means over seeds, with their spread.
 *
 * @module
 */
import type { ComparedRun, Loss } from "./runs.ts";
import type { SettingGroup } from "./settings.ts";

/** A mean over runs. */
export interface MeanOfRuns {
  /** The arithmetic mean. */
  readonly mean: number;
  /** The sample standard deviation, √(Σ(x − mean)² / (n − 1)); undefined for one run. */
  readonly spread?: number;
}

/** The losses of a group's runs; a loss that none of them has is undefined. */
export interface GroupResult {
  /** The settings and the runs. */
  readonly group: SettingGroup;
  /** The last loss on held-out text. */
  readonly validation?: MeanOfRuns;
  /** The lowest loss on held-out text. */
  readonly best?: MeanOfRuns;
  /** The last training loss. */
  readonly train?: MeanOfRuns;
  /** Updates done. */
  readonly steps: MeanOfRuns;
}

/** Computes the means of a group. */
export function groupResult(group: SettingGroup): GroupResult {
  const { runs } = group;
  return {
    group,
    validation: meanOf(runs, ({ validation }) => validation.at(-1)?.loss),
    best: meanOf(runs, ({ validation }) => lowest(validation)),
    train: meanOf(runs, ({ train }) => train.at(-1)?.loss),
    steps: meanOf(runs, ({ record }) => record.step)!,
  };
}

/** The mean and the spread of one or more numbers. */
export function meanAndSpread(values: readonly number[]): MeanOfRuns {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length === 1) return { mean };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, spread: Math.sqrt(squares / (values.length - 1)) };
}

function meanOf(
  runs: readonly ComparedRun[],
  value: (run: ComparedRun) => number | undefined,
): MeanOfRuns | undefined {
  const values = runs.map(value).filter((value) => value !== undefined);
  return values.length > 0 ? meanAndSpread(values) : undefined;
}

function lowest(losses: readonly Loss[]): number | undefined {
  return losses.length > 0 ? Math.min(...losses.map(({ loss }) => loss)) : undefined;
}
