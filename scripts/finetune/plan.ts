/**
 * Plans a run of `deno task finetune`: its folder, its base, and its settings.
 *
 * Nothing is written here. The plan is one of `deno task train`, whose data and loop it uses; see
 * resume.ts there for the rest of a run.
 *
 * @module
 */
import { fromModelPlace } from "../../lib/cli/model_place.ts";
import {
  loadModelConfig,
  PRESETS,
  type PretrainedConfig,
  type TrainSettings,
  UserError,
} from "../../mod.ts";
import { type Given, pick, type Plan } from "../train/choices.ts";
import { absolutePath, modelPlace } from "../train/corpus_place.ts";
import { expectEvaluations, givenSettings, readingChoices, REPORT_FLAGS } from "../train/flags.ts";
import { loadRunRecord } from "../train/record.ts";
import { resumedPlan } from "../train/resume.ts";
import { defaultFolder, expectFree, expectNewOrResumed } from "../train/run_folder.ts";
import { teacherChoices } from "../train/teacher.ts";
import { warmupNotes } from "../train/schedule.ts";
import { asTrainFlags, type FinetuneFlags, givenOfTrain } from "./flags.ts";

/** The longest sequence that is trained unless the user says otherwise. */
const CONTEXT = 256;

/** What differs from the settings of `deno task train`, by method. */
const SETTINGS: Readonly<Record<"lora" | "full", Partial<TrainSettings>>> = {
  lora: { learningRate: 1e-3, weightDecay: 0 },
  full: { learningRate: 3e-4, weightDecay: 0.01 },
};

const SHARED: Partial<TrainSettings> = {
  batch: 8,
  order: "epochs",
  minimumBatches: 0,
  accumulate: 1,
  beta1: 0.9,
  beta2: 0.999,
  clip: 1,
  dropout: 0,
  initialWeights: "gpt2",
  model: {},
};

/** A plan with everything but what the number of batches decides. */
export type OpenPlan = Plan & { readonly finetune: NonNullable<Plan["finetune"]> };

/**
 * Plans a new run, or with `--resume` the rest of one.
 *
 * @throws {UserError} if a new run would overwrite something, the base cannot be read, or a flag
 *   contradicts another one or the run to continue
 */
export async function planFinetune(
  flags: FinetuneFlags,
  given: Given,
  location: string | undefined,
): Promise<OpenPlan> {
  expectNewOrResumed(flags);
  for (const name of ["test", "compare", "preset"]) {
    if (given.has(name)) throw new UserError(`--${name}: it is for --labels FILE; leave it out`);
  }
  if (given.has("beta")) {
    throw new UserError("--beta: it is for --preferences FILE; leave it out");
  }
  const folder = flags.out ?? defaultFolder("runs/finetune", flags.resume);
  if (flags.resume) return await restOf(folder, flags, { given, location });
  if (location === undefined) throw new UserError("expected a MODEL to fine-tune; see --help");
  if (flags.dataset === undefined) {
    throw new UserError("expected --dataset FILE, the texts to learn; see --help");
  }
  return await newPlan(folder, flags, { given, location });
}

/** What was typed besides the flags' values. */
interface Typed {
  readonly given: Given;
  readonly location: string | undefined;
}

async function restOf(
  folder: string,
  flags: FinetuneFlags,
  { given, location }: Typed,
): Promise<OpenPlan> {
  const { finetune, ...record } = await loadRunRecord(folder);
  if (!finetune) {
    throw new UserError(`${folder}: it is a run of deno task train; continue it there`);
  }
  if (location !== undefined && modelPlace(location) !== finetune.base) {
    throw new UserError(
      `${folder}: its run fine-tunes ${finetune.base}, so --resume cannot take ${location}`,
    );
  }
  for (const name of ["epochs", "method", "rank", "alpha", "modules", "layers"] as const) {
    if (!given.has(name)) continue;
    throw new UserError(`--${name}: a resumed run keeps it; --steps counts updates in all`);
  }
  const trainFlags = asTrainFlags(flags, undefined);
  const plan = resumedPlan(folder, trainFlags, givenOfTrain(given), { ...record, finetune });
  return { ...plan, finetune };
}

async function newPlan(
  folder: string,
  flags: FinetuneFlags,
  { given, location }: Typed,
): Promise<OpenPlan> {
  const { method, force } = flags;
  if (method !== "lora" && method !== "full") {
    throw new UserError(`--method ${method}: it classifies texts; give them with --labels FILE`);
  }
  const base = modelPlace(location!);
  expectFree({ folder, force });
  const { config } = await configOf(base, flags.revision);
  const trainFlags = asTrainFlags(flags, base);
  const typed = givenOfTrain(given);
  const defaults = { ...PRESETS.baby, ...SHARED, ...SETTINGS[method] };
  defaults.minLearningRate = defaults.learningRate / 10;
  const { contextLength, layers, heads, width } = config;
  defaults.context = Math.min(CONTEXT, contextLength);
  const settings = { ...defaults, ...givenSettings(trainFlags, typed, defaults) };
  if (settings.context > contextLength) {
    throw new UserError(
      `--context ${settings.context}: the context of ${location} is ${contextLength}; take at most that`,
    );
  }
  return {
    folder,
    preset: "baby",
    settings: { ...settings, layers, heads, width },
    reports: pick(trainFlags, REPORT_FLAGS),
    patience: flags.patience || undefined,
    dataset: flags.dataset,
    initFrom: base,
    reading: readingChoices(trainFlags, typed),
    finetune: { method, base },
    teacher: teacherChoices(trainFlags, given),
    resume: false,
    force,
    step: 0,
    sequencesSeen: 0,
    notes: [],
  };
}

async function configOf(base: string, revision: string | undefined): Promise<PretrainedConfig> {
  const adapter = absolutePath(`${base}/adapter_config.json`);
  if (adapter !== undefined && !absolutePath(`${base}/config.json`)) {
    throw new UserError(
      `${base}: it is an adapter; merge it into its base with deno task merge, or fine-tune the base`,
    );
  }
  return await fromModelPlace(base, () => loadModelConfig(base, { revision }));
}

/**
 * The plan with the steps, the warm-up and the reports that `--epochs` makes of `batchesPerEpoch`,
 * unless they were typed or the run is resumed.
 */
export function completedPlan(
  plan: OpenPlan,
  flags: FinetuneFlags,
  { given, batchesPerEpoch }: { given: Given; batchesPerEpoch: number },
): OpenPlan {
  if (plan.resume) return plan;
  const { settings } = plan;
  const perEpoch = Math.max(1, Math.round(batchesPerEpoch / settings.accumulate));
  const steps = given.has("steps")
    ? settings.steps
    : Math.max(1, Math.round(flags.epochs * batchesPerEpoch / settings.accumulate));
  const warmupSteps = given.has("warmupSteps") ? settings.warmupSteps : Math.ceil(0.06 * steps);
  const complete = { ...settings, steps, warmupSteps };
  const evalEvery = flags.evalEvery ?? Math.min(perEpoch, steps);
  const checkpointEvery = flags.checkpointEvery ?? Math.min(perEpoch, steps);
  expectEvaluations({ patience: plan.patience, evalEvery });
  return {
    ...plan,
    settings: complete,
    reports: { ...plan.reports, evalEvery, checkpointEvery },
    notes: warmupNotes(complete),
  };
}
