/**
 * The settings in which runs differ, and the groups of runs that differ in nothing but their seed.
 *
 * @module
 */
import type { ComparedRun } from "./runs.ts";

/** Runs of the same settings, one for each seed. */
export interface SettingGroup {
  /** The settings in which the groups differ, by name. */
  readonly settings: Readonly<Record<string, string>>;
  /** The runs, in the order in which they were passed. */
  readonly runs: readonly ComparedRun[];
}

/** Groups runs by the settings in which they differ; the seed is none of them. */
export function groupBySettings(runs: readonly ComparedRun[]): SettingGroup[] {
  const choices = runs.map(choicesOf);
  const names = [...new Set(choices.flatMap((choice) => Object.keys(choice)))];
  const differing = names.filter((name) => {
    return name !== "minLearningRate" || !isShareOfPeak(runs);
  }).filter((name) => choices.some((choice) => choice[name] !== choices[0][name]));
  const groups = new Map<string, ReturnType<typeof emptyGroup>>();
  runs.forEach((run, index) => {
    const entries = differing.map((
      name,
    ): [string, string] => [name, choices[index][name] ?? "none"]);
    const key = JSON.stringify(entries);
    const group = groups.get(key) ?? emptyGroup(entries);
    group.runs.push(run);
    groups.set(key, group);
  });
  return [...groups.values()];
}

function emptyGroup(
  settings: [string, string][],
): { settings: Record<string, string>; runs: ComparedRun[] } {
  return { settings: Object.fromEntries(settings), runs: [] };
}

/** For example `learning rate 0.001, width 64`; `all runs` if there is only one group. */
export function settingLabel({ settings }: SettingGroup): string {
  const parts = Object.entries(settings).map(([name, value]) => `${spaced(name)} ${value}`);
  return parts.join(", ") || "all runs";
}

/** A setting's name as words: `learningRate` → `learning rate`. */
export function spaced(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => " " + letter.toLowerCase());
}

/** The choices of a run, except its seed, as texts. */
function choicesOf({ record }: ComparedRun): Record<string, string> {
  const { settings: { seed: _seed, ...settings }, dataset, tokenizer, initFrom, patience } = record;
  const entries = Object.entries({ dataset, tokenizer, initFrom, patience, ...settings });
  return Object.fromEntries(
    entries.filter(([, value]) => value !== undefined).map(([name, value]) => {
      return [name, typeof value === "object" ? JSON.stringify(value) : String(value)];
    }),
  );
}

/** Whether the last learning rate is the same fraction of the highest one in all runs. */
function isShareOfPeak(runs: readonly ComparedRun[]): boolean {
  const shares = runs.map(({ record: { settings } }) =>
    settings.minLearningRate / settings.learningRate
  );
  return shares.every((share) => Math.abs(share - shares[0]) <= 1e-9 * Math.abs(shares[0]));
}
