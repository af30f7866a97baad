/**
 * The runs of a sweep: every combination of the listed settings, with every seed.
 *
 * @module
 */
import { kebabCase } from "../../lib/cli/flags.ts";
import { PASSED, type SweepFlags } from "./flags.ts";

/** One run of a sweep. */
export interface SweepRun {
  /** Its folder's name, such as `learning-rate=0.001,width=64,seed=1`. */
  readonly name: string;
  /** Its flags for `deno task train`, without its folder. */
  readonly args: readonly string[];
}

/** The runs that a command line describes. */
export interface Grid {
  /** Flags that all runs share, as they are passed to `deno task train`. */
  readonly shared: readonly string[];
  /** The settings with more than one value, by their names as flags. */
  readonly swept: Readonly<Record<string, readonly string[]>>;
  /** All runs, seed by seed, so that each combination has a first result early. */
  readonly runs: readonly SweepRun[];
}

/** Describes the runs of a command line; `given` names the flags that were typed. */
export function sweepGrid(flags: SweepFlags, given: ReadonlySet<string>): Grid {
  const typed = PASSED.filter((name) => given.has(name));
  const values = typed.map((name): [string, readonly string[]] => {
    const value = flags[name];
    return [kebabCase(name), Array.isArray(value) ? value : [String(value)]];
  });
  const swept = Object.fromEntries(values.filter(([, list]) => list.length > 1));
  const shared = values.filter(([, list]) => list.length === 1).map(([name, [value]]) =>
    typedFlag(name, value)
  );
  const seeds = Array.from({ length: flags.seeds }, (_, index) => String(flags.firstSeed + index));
  const runs = combinations({ seed: seeds, ...swept }).map((choice): SweepRun => {
    const { seed, ...settings } = choice;
    const chosen = Object.entries({ ...settings, seed });
    return {
      name: chosen.map(([name, value]) => `${name}=${value}`).join(","),
      args: [...shared, ...chosen.map(([name, value]) => typedFlag(name, value))],
    };
  });
  return { shared, swept, runs };
}

/** Every way to take one value of each list, the first list's changing last. */
function combinations(
  lists: Readonly<Record<string, readonly string[]>>,
): Record<string, string>[] {
  return Object.entries(lists).reduce<Record<string, string>[]>(
    (choices, [name, values]) =>
      choices.flatMap((choice) => values.map((value) => ({ ...choice, [name]: value }))),
    [{}],
  );
}

function typedFlag(name: string, value: string): string {
  if (value === "true") return `--${name}`;
  return value === "false" ? `--no-${name}` : `--${name}=${value}`;
}
