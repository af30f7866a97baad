/**
 * Plans a run of `deno task train`: its folder, and settings from the preset, the flags and, for
 * `--resume` or `--init-from`, another run.
 *
 * Nothing is written here; what is wrong is refused before anything starts.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import { holdsCheckpoint, loadRunConfig, loadRunState } from "../../train/checkpoint.ts";
import { type PresetName, PRESETS, type TrainSettings } from "../../train/presets.ts";
import type { TrainFlags } from "./flags.ts";

const REPORTS = ["evalEvery", "evalBatches", "logEvery", "sampleEvery", "checkpointEvery"] as const;

/** How often what is done besides training. */
export type Reports = Pick<TrainFlags, typeof REPORTS[number]>;

/** What a run is made of, and what run.json keeps of it. */
export interface Plan {
  /** Where the run is kept. */
  folder: string;
  /** The preset that the settings started from. */
  preset: string;
  /** Everything that the run's numbers depend on, besides its corpus. */
  settings: TrainSettings;
  /** How often what is reported. */
  reports: Reports;
  /** The corpus that the user named. */
  dataset?: string;
  /** How text is cut into tokens where no run's tokenizer is taken over. */
  tokenizer: TrainFlags["tokenizer"];
  /** The run whose weights and tokenizer this one starts from. */
  initFrom?: string;
  /** Whether the folder holds the checkpoint to go on from, of `step` and `corpusHash`. */
  resume: boolean;
  /** Steps done before. */
  step: number;
  /** SHA-256 of the text that a resumed run was trained on. */
  corpusHash?: string;
}

/** What a preset changes besides the settings. */
const HABITS: Partial<Record<PresetName, Partial<TrainFlags>>> = {
  practical: { tokenizer: "words-only", logEvery: 32, evalEvery: 160, checkpointEvery: 640 },
};

/** The flags, with the preset's habits where the user said nothing. */
function withHabits(flags: TrainFlags, given: ReadonlySet<string>): TrainFlags {
  const habits = Object.entries(HABITS[flags.preset] ?? {});
  return { ...flags, ...Object.fromEntries(habits.filter(([name]) => !given.has(name))) };
}

/** Reads flags and, for --resume, the run's own settings; refuses to overwrite a run. */
export async function planRun(typed: TrainFlags, given: ReadonlySet<string>): Promise<Plan> {
  const flags = withHabits(typed, given);
  const preset = PRESETS[flags.preset];
  const names = Object.keys(preset) as (keyof TrainSettings & keyof TrainFlags)[];
  const chosen = names.filter((name) => given.has(name)).map((name) => [name, flags[name]]);
  const folder = flags.out ?? freeFolder(`runs/${flags.preset}`, flags.resume);
  const reports = Object.fromEntries(REPORTS.map((name) => [name, flags[name]])) as Reports;
  if (!flags.resume) {
    if (holdsCheckpoint(folder)) {
      throw new UserError(
        `${folder} holds a run already; continue it with --resume, or name another folder with --out`,
      );
    }
    const settings: TrainSettings = { ...preset, ...Object.fromEntries(chosen) };
    if (!given.has("minLearningRate") && given.has("learningRate")) {
      const share = preset.minLearningRate / preset.learningRate;
      settings.minLearningRate = share * settings.learningRate;
    }
    const { preset: name, dataset, tokenizer, initFrom } = flags;
    if (initFrom) await takeShape(settings, initFrom, given);
    const start = { preset: name, settings, reports, dataset, tokenizer, initFrom };
    return { folder, ...start, resume: false, step: 0 };
  }
  const run = await loadRunState(folder);
  const settings = { ...preset, ...run.settings as TrainSettings };
  for (const [name, value] of chosen) {
    if (name === "steps") settings.steps = value as number;
    else if (settings[name as keyof TrainSettings] !== value) {
      throw new UserError(
        `${folder}: its run has ${name} ${
          settings[name as keyof TrainSettings]
        }, so --resume cannot take ${value}; leave the flag out or start a new run`,
      );
    }
  }
  for (const name of ["preset", "tokenizer", "initFrom"] as const) {
    if (given.has(name) && flags[name] !== run[name]) {
      throw new UserError(
        `${folder}: its run has ${name} ${run[name] ?? "none"}, so --resume cannot take ${
          flags[name]
        }; ` +
          "leave the flag out or start a new run",
      );
    }
  }
  if (settings.steps < run.step) {
    throw new UserError(
      `${folder}: its run has done ${run.step} steps; --steps ${settings.steps} is behind that`,
    );
  }
  const chosenReports = REPORTS.filter((name) => given.has(name)).map((
    name,
  ) => [name, flags[name]]);
  return {
    folder,
    preset: run.preset as string,
    settings,
    reports: { ...reports, ...run.reports as Reports, ...Object.fromEntries(chosenReports) },
    dataset: flags.dataset ?? run.dataset as string | undefined,
    tokenizer: run.tokenizer as Plan["tokenizer"],
    initFrom: run.initFrom as string | undefined,
    resume: true,
    step: run.step,
    corpusHash: run.corpusHash as string,
  };
}

/**
 * Puts the shape of another run's model into the settings; a flag that says otherwise is refused.
 */
async function takeShape(
  settings: TrainSettings,
  source: string,
  given: ReadonlySet<string>,
): Promise<void> {
  const config = await loadRunConfig(source);
  for (const name of ["layers", "heads", "width"] as const) {
    if (given.has(name) && settings[name] !== config[name]) {
      throw new UserError(
        `--init-from ${source}: its model has ${name} ${config[name]}, got ${
          settings[name]
        }; leave the flag out`,
      );
    }
    settings[name] = config[name];
  }
  if (given.has("context") && settings.context > config.contextLength) {
    throw new UserError(
      `--init-from ${source}: its context is ${config.contextLength}, got ${settings.context}; take at most that`,
    );
  }
  settings.context = Math.min(settings.context, config.contextLength);
}

/** The first free folder of base, base-2, …; to resume, the last one in use. */
function freeFolder(base: string, resume: boolean): string {
  let path = base;
  for (let i = 2; holdsCheckpoint(path); i++) {
    const next = `${base}-${i}`;
    if (resume && !holdsCheckpoint(next)) return path;
    path = next;
  }
  return path;
}
