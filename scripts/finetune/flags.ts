/**
 * The flags of `deno task finetune`: those of `deno task train` for learning and reports, with
 * other defaults, and those of the adapter. See plan.ts for what a run makes of them.
 *
 * @module
 */
import {
  choice,
  type Flag,
  type FlagValues,
  group,
  integer,
  listOf,
  number,
  ruled,
  text,
  toggle,
} from "../../lib/cli/flags.ts";
import { revisionFlag } from "../../lib/cli/model_place.ts";
import { type LoraOptions, REPORT_RULES } from "../../mod.ts";
import { type TrainFlags, trainFlags } from "../train/flags.ts";

/** A flag of `deno task train` with another default. */
function withDefault<Value>(flag: Flag<Value>, shownDefault: string): Flag<Value> {
  return { ...flag, shownDefault };
}

/** A flag for how often a run reports: by default once per epoch. */
function perEpoch(name: "evalEvery" | "checkpointEvery", meaning: string) {
  return ruled(undefined as number | undefined, meaning, {
    rule: REPORT_RULES[name],
    placeholder: "N",
    shownDefault: "an epoch",
  });
}

/** A choice that need not be made. */
function optionalChoice<const Choice extends string>(
  meaning: string,
  choices: readonly [Choice, ...Choice[]],
): Flag<Choice | undefined> {
  const { read, ...flag } = choice<Choice>(choices[0], meaning, { choices });
  return { ...flag, read, default: undefined, shownDefault: "" };
}

const {
  column,
  validation,
  context,
  dropout,
  batch,
  steps,
  accumulate,
  learningRate,
  minLearningRate,
  warmupSteps,
  weightDecay,
  beta1,
  beta2,
  clip,
  patience,
  teacher,
  teacherTemperature,
  teacherWeight,
  seed,
  evalBatches,
  logEvery,
  sampleEvery,
  tensorboard,
  live,
  livePort,
  device,
  threads,
  precision,
  recomputeActivations,
  mpi,
  mpiTimeout,
  globalBatch,
  blas,
  resume,
  force,
} = trainFlags;

/** Every flag of `deno task finetune`, by groups. */
export const finetuneFlags = {
  ...group("Texts", {
    dataset: text(
      undefined,
      'text file, folder, pattern, .csv, .tsv, or .jsonl of {"text"}, {"prompt","completion"} or ' +
        '{"messages"}; only completions and answers are learned',
      { placeholder: "FILE", shownDefault: "" },
    ),
    labels: text(
      undefined,
      "labeled texts to classify instead: .tsv (label, tab, text), .csv or .jsonl with text and " +
        "label, or lines of label, space, text",
      { placeholder: "FILE", shownDefault: "" },
    ),
    preferences: text(
      undefined,
      'prompts with two answers instead: .jsonl of {"prompt","chosen","rejected"}, texts or ' +
        "messages; the model learns to prefer the chosen ones (DPO)",
      { placeholder: "FILE", shownDefault: "" },
    ),
    validation,
    test: text(undefined, "labeled texts to measure the result on", {
      placeholder: "FILE",
      shownDefault: "a tenth of --labels, by a hash of each text",
    }),
    column,
    pack: toggle(false, "fill rows with several texts or answers, which do not see each other"),
  }),
  ...group("Method", {
    method: choice(
      "lora",
      "train a LoRA adapter (lora) or all weights (full); with --labels also the head alone " +
        "(frozen), or counted words without a model (words)",
      { choices: ["lora", "full", "frozen", "words"] },
    ),
    compare: toggle(false, "with --labels: train by all four methods, and print one table"),
    preset: optionalChoice(
      "with --labels, instead of MODEL: a new model of 2 layers and width 128, on words",
      ["encoder", "decoder"],
    ),
    rank: integer(8, "inner size of every update", { min: 1 }),
    alpha: number(16, "the scale of an update is alpha / rank"),
    loraDropout: number(0, "probability of dropping an input of an adapter", { min: 0, max: 0.99 }),
    modules: text(
      undefined,
      'layers to adapt: names with commas between, "all-linear", or a regular expression',
      { placeholder: "NAMES", shownDefault: "those of PEFT; all linear layers of a run" },
    ),
    layers: {
      ...listOf(integer(0, "blocks to adapt, such as 0,1", { min: 0, shownDefault: "all" })),
      expected: "whole numbers from 0 on with commas between them",
    },
    rslora: toggle(false, "scale by alpha / √rank"),
    bias: choice("none", "biases that are trained too", { choices: ["none", "lora_only", "all"] }),
    beta: number(0.1, "with --preferences: how dear it is to leave the base", { min: 1e-6 }),
    revision: revisionFlag(),
  }),
  ...group("Training", {
    epochs: number(3, "passes over the texts; --steps counts updates instead", {
      min: 0.001,
      shownDefault: "3; 8 with --preset",
    }),
    steps: withDefault(steps, ""),
    context: withDefault(context, "256, or the model's if that is shorter; 64 with --preset"),
    batch: withDefault(batch, "8; 32 with --labels"),
    accumulate: withDefault(accumulate, "1"),
    learningRate: withDefault(
      learningRate,
      "0.001 for lora, 0.0003 for full, 0.01 for frozen, 0.0005 with --preset; 0.0003 for lora, " +
        "0.00003 for full with --preferences",
    ),
    minLearningRate: withDefault(minLearningRate, "a tenth of the learning rate; 0 with --preset"),
    warmupSteps: withDefault(warmupSteps, "6 % of the steps; half an epoch with --preset"),
    weightDecay: withDefault(weightDecay, "0 for lora, 0.01 for full, 0.05 with --preset"),
    beta1: withDefault(beta1, "0.9"),
    beta2: withDefault(beta2, "0.999"),
    clip: withDefault(clip, "1"),
    dropout: withDefault(dropout, "0, or the encoder's own; 0.2 with --preset"),
    patience,
    teacher,
    teacherTemperature,
    teacherWeight,
    seed,
  }),
  ...group("Reports", {
    evalEvery: perEpoch("evalEvery", "steps between evaluations; 0 for none"),
    evalBatches,
    logEvery,
    sampleEvery,
    checkpointEvery: perEpoch(
      "checkpointEvery",
      "steps between checkpoints; 0 saves at the end only",
    ),
    tensorboard,
    live,
    livePort,
  }),
  ...group("Device", {
    device,
    threads,
    precision,
    recomputeActivations,
    mpi,
    mpiTimeout,
    globalBatch,
    blas,
  }),
  ...group("Run", {
    out: text(undefined, "folder of the run", {
      placeholder: "DIR",
      shownDefault: "the first free of runs/finetune, runs/finetune-2, …",
    }),
    resume,
    force,
  }),
};

/** The values of the flags. */
export type FinetuneFlags = FlagValues<typeof finetuneFlags>;

/** The flags as `deno task train` reads them; `given` has those of it that were typed. */
export function asTrainFlags(flags: FinetuneFlags, base: string | undefined): TrainFlags {
  const { evalEvery = 1, checkpointEvery = 1 } = flags;
  return {
    ...flags,
    evalEvery,
    checkpointEvery,
    preset: "baby",
    tokenizer: "char",
    initFrom: base,
    layers: undefined,
    heads: undefined,
    width: undefined,
    average: undefined,
    config: undefined,
    continue: false,
  };
}

/** What was typed of `deno task train`'s flags: `--layers` means another thing there. */
export function givenOfTrain(given: ReadonlySet<string>): ReadonlySet<string> {
  const own = new Set(["layers"]);
  return new Set([...given].filter((name) => name in trainFlags && !own.has(name)));
}

/** The options of `attachLora` that the flags say, besides the modules. */
export function loraOptions(flags: FinetuneFlags): LoraOptions {
  const { rank, alpha, loraDropout: dropout, rslora, bias, layers } = flags;
  return { rank, alpha, dropout, rslora, bias, ...layers ? { layers } : {} };
}

/** `--modules`: a list of names, or one pattern; undefined unless it was typed. */
export function chosenModules({ modules }: FinetuneFlags): string | string[] | undefined {
  if (modules === undefined || modules.toLowerCase() === "all-linear") return modules;
  const names = modules.split(",").map((name) => name.trim());
  return names.every((name) => /^[\w.]+$/.test(name)) ? names : modules;
}
