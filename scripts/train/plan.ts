/**
 * Plans a run of `deno task train`: its folder, and its settings from the preset, the flags and,
 * for `--resume` or `--init-from`, another run.
 *
 * Nothing is written here; every mistake in the flags is refused before anything starts.
 *
 * @module
 */
import { expectFolder } from "../../lib/cli/expect_folder.ts";
import { userInput } from "../../lib/cli/run.ts";
import {
  holdsCheckpoint,
  loadModelConfig,
  type PresetName,
  PRESETS,
  type TrainSettings,
  UserError,
} from "../../mod.ts";
import { readingChoices, REPORT_FLAGS, resumedReading, type TrainFlags } from "./flags.ts";
import { loadRunRecord, type RunChoices, type RunRecord } from "./record.ts";

/** A run to start or to continue. */
export interface Plan extends RunChoices {
  /** Folder of the run. */
  readonly folder: string;
  /** Whether the folder holds the checkpoint to continue from, of `step` and `corpusHash`. */
  readonly resume: boolean;
  /** Steps done before. */
  readonly step: number;
  /** SHA-256 of the text that a resumed run was trained on. */
  readonly corpusHash?: string;
}

/** The flags that were typed. */
type Given = ReadonlySet<string>;

/** Defaults of a preset for flags that are not among its settings. */
const PRESET_DEFAULTS: Partial<Record<PresetName, Partial<TrainFlags>>> = {
  practical: { tokenizer: "words-only", logEvery: 32, evalEvery: 160, checkpointEvery: 640 },
};

/**
 * Plans a new run or, with `--resume` or `--continue`, the rest of one.
 *
 * @throws {UserError} if a new run would overwrite one, or a flag contradicts the run to continue
 */
export async function planRun(typed: TrainFlags, given: Given): Promise<Plan> {
  const flags = { ...typed, ...withoutGiven(PRESET_DEFAULTS[typed.preset] ?? {}, given) };
  const inUse = flags.resume || flags.continue;
  const folder = flags.out ?? defaultFolder(`runs/${flags.preset}`, inUse);
  return flags.resume || (flags.continue && holdsCheckpoint(folder))
    ? resumedPlan(folder, flags, given, await loadRunRecord(folder))
    : await newPlan(folder, flags, given);
}

async function newPlan(folder: string, flags: TrainFlags, given: Given): Promise<Plan> {
  if (holdsCheckpoint(folder)) {
    throw new UserError(
      `${folder} already holds a run; continue it with --resume, or name another folder with --out`,
    );
  }
  const { preset, dataset, tokenizer, initFrom } = flags;
  const defaults = PRESETS[preset];
  const settings: TrainSettings = { ...defaults, ...givenSettings(flags, given) };
  if (given.has("learningRate") && !given.has("minLearningRate")) {
    const ratio = defaults.minLearningRate / defaults.learningRate;
    settings.minLearningRate = ratio * settings.learningRate;
  }
  if (initFrom) await takeModelShape(settings, initFrom, given);
  const reading = readingChoices(flags, given);
  const reports = pick(flags, REPORT_FLAGS);
  const choices = { preset, settings, reports, dataset, tokenizer, initFrom, reading };
  return { folder, ...choices, resume: false, step: 0 };
}

function resumedPlan(folder: string, flags: TrainFlags, given: Given, run: RunRecord): Plan {
  const settings: TrainSettings = { ...PRESETS[flags.preset], ...run.settings };
  const { steps = settings.steps, ...fixed } = givenSettings(flags, given);
  for (const [name, value] of Object.entries(fixed)) {
    expectSame(folder, name, settings[name as keyof TrainSettings], value);
  }
  for (const name of ["preset", "tokenizer", "initFrom"] as const) {
    if (given.has(name)) expectSame(folder, name, run[name], flags[name]);
  }
  if (steps < run.step) {
    throw new UserError(
      `${folder}: its run has done ${run.step} steps, more than --steps ${steps}`,
    );
  }
  const changedReports = pick(flags, REPORT_FLAGS.filter((name) => given.has(name)));
  return {
    folder,
    preset: run.preset,
    settings: { ...settings, steps },
    reports: { ...pick(flags, REPORT_FLAGS), ...run.reports, ...changedReports },
    dataset: flags.dataset ?? run.dataset,
    tokenizer: run.tokenizer,
    initFrom: run.initFrom,
    reading: resumedReading(folder, readingChoices(flags, given), run.reading),
    resume: true,
    step: run.step,
    corpusHash: run.corpusHash,
  };
}

/** The settings that were typed. */
function givenSettings(flags: TrainFlags, given: Given): Partial<TrainSettings> {
  const names = Object.keys(PRESETS[flags.preset]).filter((name) => given.has(name));
  return pick(flags, names as (keyof TrainSettings & keyof TrainFlags)[]);
}

function expectSame(folder: string, name: string, saved: unknown, typed: unknown): void {
  if (saved === typed) return;
  throw new UserError(
    `${folder}: its run has ${name} ${saved ?? "none"}, so --resume cannot take ${typed}; ` +
      "leave the flag out or start a new run",
  );
}

/**
 * Puts the shape of another run's model into the settings; a flag that contradicts it is refused.
 */
async function takeModelShape(
  settings: TrainSettings,
  source: string,
  given: Given,
): Promise<void> {
  await expectFolder(source, `--init-from ${source}`);
  const { config } = await userInput(() => loadModelConfig(source));
  for (const name of ["layers", "heads", "width"] as const) {
    if (given.has(name) && settings[name] !== config[name]) {
      throw new UserError(
        `--init-from ${source}: its model has ${name} ${config[name]}, got ${settings[name]}; ` +
          "leave the flag out",
      );
    }
    settings[name] = config[name];
  }
  if (given.has("context") && settings.context > config.contextLength) {
    throw new UserError(
      `--init-from ${source}: its context is ${config.contextLength}, got ${settings.context}; ` +
        "take at most that",
    );
  }
  settings.context = Math.min(settings.context, config.contextLength);
}

/** The first free folder of base, base-2, …, or the last one in use. */
function defaultFolder(base: string, inUse: boolean): string {
  let path = base;
  for (let i = 2; holdsCheckpoint(path); i++) {
    const next = `${base}-${i}`;
    if (inUse && !holdsCheckpoint(next)) return path;
    path = next;
  }
  return path;
}

function pick<T, Name extends keyof T>(object: T, names: readonly Name[]): Pick<T, Name> {
  return Object.fromEntries(names.map((name) => [name, object[name]])) as Pick<T, Name>;
}

function withoutGiven<T extends object>(object: T, given: Given): Partial<T> {
  return Object.fromEntries(
    Object.entries(object).filter(([name]) => !given.has(name)),
  ) as Partial<T>;
}
