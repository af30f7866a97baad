/**
 * Plans a run of `deno task train`: its folder, and its settings from the preset, the flags and,
 * for `--init-from`, another run; resume.ts plans the rest of a run.
 *
 * Nothing is written here; every mistake in the flags is refused before anything starts.
 *
 * @module
 */
import { fromModelPlace } from "../../lib/cli/model_place.ts";
import { userInput } from "../../lib/cli/run.ts";
import {
  holdsCheckpoint,
  isPreparedCorpus,
  loadModelConfig,
  modelConfigOf,
  type PresetName,
  PRESETS,
  type TrainSettings,
  UserError,
} from "../../mod.ts";
import { type Given, pick, type Plan } from "./choices.ts";
import { teacherChoices } from "./teacher.ts";
import { corpusPlace, modelPlace } from "./corpus_place.ts";
import {
  expectEvaluations,
  givenSettings,
  readingChoices,
  REPORT_FLAGS,
  type TrainFlags,
} from "./flags.ts";
import { loadRunRecord } from "./record.ts";
import { resumedPlan } from "./resume.ts";
import { defaultFolder, expectFree, expectNewOrResumed } from "./run_folder.ts";
import { warmupNotes } from "./schedule.ts";

/** Defaults of a preset for flags that are not among its settings. */
const PRESET_DEFAULTS: Partial<Record<PresetName, Partial<TrainFlags>>> = {
  practical: { tokenizer: "words-only", logEvery: 32, evalEvery: 160, checkpointEvery: 640 },
};

/** What the file of `--config` says besides flags. */
interface Recorded {
  /** The settings, instead of a preset's. */
  readonly recorded?: TrainSettings;
  /** Absolute path of the corpus. */
  readonly datasetPath?: string;
}

/**
 * Plans a new run or, with `--resume` or `--continue`, the rest of one.
 *
 * @throws {UserError} if a new run would overwrite something, or a flag contradicts another one or
 *   the run to continue
 */
export async function planRun(
  typed: TrainFlags,
  given: Given,
  config: Recorded = {},
): Promise<Plan> {
  const flags = { ...typed, ...withoutGiven(PRESET_DEFAULTS[typed.preset] ?? {}, given) };
  expectNewOrResumed(flags);
  const inUse = flags.resume || flags.continue;
  const folder = flags.out ?? defaultFolder(`runs/${flags.preset}`, inUse);
  return flags.resume || (flags.continue && holdsCheckpoint(folder))
    ? resumedPlan(folder, flags, given, await loadRunRecord(folder))
    : await newPlan({ ...flags, ...config, folder }, given);
}

type NewRun = TrainFlags & Recorded & Pick<Plan, "folder">;

async function newPlan(flags: NewRun, given: Given): Promise<Plan> {
  const { folder, datasetPath, recorded, preset, dataset, initFrom, force } = flags;
  expectEvaluations(flags);
  expectFree({ folder, force });
  const defaults = recorded ?? PRESETS[preset];
  const settings: TrainSettings = { ...defaults, ...givenSettings(flags, given, defaults) };
  if (initFrom) await takeModelShape(settings, initFrom, given);
  else await userInput(() => modelConfigOf(settings, 1)); // before the corpus is read
  return {
    folder,
    preset,
    settings,
    reports: pick(flags, REPORT_FLAGS),
    patience: flags.patience || undefined,
    dataset,
    datasetPath,
    tokenizer: await ownTokenizer(flags, given),
    initFrom: initFrom && modelPlace(initFrom),
    teacher: teacherChoices(flags, given),
    reading: readingChoices(flags, given),
    resume: false,
    force,
    step: 0,
    sequencesSeen: 0,
    notes: [...warmupNotes(settings), ...averageNotes(settings)],
  };
}

/** A line that says which weights are averaged. */
function averageNotes({ average = 0 }: TrainSettings): string[] {
  if (average === 0) return [];
  return [
    `evaluations and best/ are of the running mean of the weights (--average ${average}), ` +
    "model.safetensors of the weights that train",
  ];
}

/** How text is cut into tokens, unless another run's or a prepared corpus's tokenizer is used. */
async function ownTokenizer(
  { tokenizer, initFrom, teacher, dataset, datasetPath }: NewRun,
  given: Given,
): Promise<TrainFlags["tokenizer"] | undefined> {
  const corpus = corpusPlace({ dataset, datasetPath });
  const isPrepared = corpus !== undefined && await isPreparedCorpus(corpus);
  const source = initFrom ?? teacher ?? (isPrepared ? corpus : undefined);
  if (source === undefined) return tokenizer;
  if (!given.has("tokenizer")) return undefined;
  throw new UserError(
    `--tokenizer ${tokenizer}: the tokenizer is that of ${source}; leave the flag out`,
  );
}

/**
 * Puts the shape of an existing model into the settings; a flag that contradicts it is refused.
 */
async function takeModelShape(
  settings: TrainSettings,
  source: string,
  given: Given,
): Promise<void> {
  const label = `--init-from ${source}`;
  const { config } = await fromModelPlace(source, () => loadModelConfig(source), label);
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

function withoutGiven<T extends object>(object: T, given: Given): Partial<T> {
  return Object.fromEntries(
    Object.entries(object).filter(([name]) => !given.has(name)),
  ) as Partial<T>;
}
