/**
 * The flags of `deno task sweep`: those of `deno task train`, of which settings take a list.
 *
 * @module
 */
import { type Flag, type FlagValues, group, integer, listOf, text } from "../../lib/cli/flags.ts";
import { PRESETS, type TrainSettings } from "../../mod.ts";
import { trainFlags } from "../train/flags.ts";

/** Flags of `deno task train` that a sweep sets itself, or that many runs cannot share. */
const OWN = ["seed", "out", "resume", "continue", "live", "livePort"] as const;

type PassedFlags = Omit<typeof trainFlags, typeof OWN[number]>;
type ListedName = keyof TrainSettings | "tokenizer";

/** The flags that are passed to `deno task train`; those of settings read a list. */
type ListedFlags = {
  [Name in keyof PassedFlags]: Name extends ListedName ? Flag<readonly string[] | undefined>
    : PassedFlags[Name];
};

/** Every flag of `deno task sweep`, by groups. */
export const sweepFlags = {
  ...group("Sweep", {
    seeds: integer(1, "runs of each combination, each with its own seed", { min: 1 }),
    firstSeed: integer(1, "seed of the first of them; the others count on from it", {
      min: 0,
      max: 2 ** 31,
    }),
    jobs: integer(undefined, "runs at the same time, each one process", {
      min: 1,
      shownDefault: "one for each core; 1 on WebGPU",
    }),
    out: text("runs/sweep", "folder of the runs, the table and the figure", {
      placeholder: "DIR",
    }),
  }),
  ...listedFlags(),
};

/** The values of the flags. */
export type SweepFlags = FlagValues<typeof sweepFlags>;

/** The names of the flags that are passed to `deno task train`. */
export const PASSED: readonly (keyof PassedFlags)[] = passedNames();

function passedNames(): (keyof PassedFlags)[] {
  const own: readonly string[] = OWN;
  return Object.keys(trainFlags).filter((name) => !own.includes(name)) as (keyof PassedFlags)[];
}

function listedFlags(): ListedFlags {
  const flags = passedNames().map((name) => {
    const isListed = Object.hasOwn(PRESETS.baby, name) || name === "tokenizer";
    return [name, isListed ? textsOf(trainFlags[name] as Flag<unknown>) : trainFlags[name]];
  });
  return Object.fromEntries(flags);
}

/** A flag that takes one value or several, as texts without repeats. */
function textsOf(flag: Flag<unknown>): Flag<readonly string[] | undefined> {
  const { read, ...list } = listOf(flag);
  return {
    ...list,
    default: undefined,
    read(given) {
      const values = read(given);
      return values && [...new Set(values.map(String))];
    },
  };
}
