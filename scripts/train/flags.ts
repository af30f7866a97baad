/**
 * The flags of `deno task train`. See plan.ts for what a run makes of them.
 *
 * @module
 */
import { deviceFlags } from "../../lib/cli/device_flags.ts";
import {
  choice,
  type FlagValues,
  group,
  integer,
  number,
  text,
  toggle,
} from "../../lib/cli/flags.ts";
import { PRESETS, UserError } from "../../mod.ts";

/** The flags below override settings of the preset; `--help` shows those of `baby`. */
const { baby } = PRESETS;
const positiveInteger = (value: number, meaning: string) =>
  integer(undefined, meaning, { min: 1, shownDefault: String(value) });
const count = (value: number, meaning: string) =>
  integer(undefined, meaning, { min: 0, shownDefault: String(value) });
const fraction = (value: number, meaning: string) =>
  number(undefined, meaning, { min: 0, max: 1, shownDefault: String(value) });
const nonNegative = (value: number, meaning: string) =>
  number(undefined, meaning, { min: 0, shownDefault: String(value) });

/** Every flag of `deno task train`, by groups. */
export const trainFlags = {
  ...group("Corpus", {
    dataset: text(
      undefined,
      "corpus name, text file, URL, folder written by `deno task tokenize`, or - for standard " +
        "input; documents: a folder, a pattern such as 'notes/*.md', a .jsonl or .csv file",
      { shownDefault: "tiny-shakespeare" },
    ),
    tokenizer: choice(
      "char",
      "tokens: characters (char), words and <unk> (word), or words without <unk> (words-only)",
      { choices: ["char", "word", "words-only"] },
    ),
    validation: text(
      undefined,
      "what to measure on: a share of the corpus, such as 0.05, or a file",
      {
        placeholder: "FILE|SHARE",
        shownDefault: "0.1, the end of the corpus",
      },
    ),
    column: text("text", "key of JSON lines, or column of CSV files, that holds the text"),
    pack: toggle(false, "let a row of a batch hold the end of one document and the next"),
  }),
  ...group("Model", {
    preset: choice(
      "baby",
      "settings to start from: baby (minutes on a CPU), small (for a GPU), practical (a model of " +
        "words); the defaults shown below are those of baby",
      { choices: ["baby", "small", "practical"] },
    ),
    layers: positiveInteger(baby.layers, "transformer blocks"),
    heads: positiveInteger(baby.heads, "attention heads per block; must divide the width"),
    width: positiveInteger(baby.width, "size of a token's vector"),
    context: positiveInteger(baby.context, "context length: tokens that the model sees at once"),
    dropout: fraction(baby.dropout, "probability of dropping an activation"),
    initFrom: text(undefined, "start from the weights and the tokenizer of this run", {
      placeholder: "DIR",
    }),
  }),
  ...group("Training", {
    batch: positiveInteger(baby.batch, "sequences per batch"),
    steps: positiveInteger(baby.steps, "optimizer updates"),
    accumulate: positiveInteger(baby.accumulate, "batches per update (gradient accumulation)"),
    learningRate: nonNegative(baby.learningRate, "learning rate after the warm-up"),
    minLearningRate: nonNegative(
      baby.minLearningRate,
      "learning rate at the last step; with --learning-rate alone, the same share of it",
    ),
    warmupSteps: count(baby.warmupSteps, "steps in which the learning rate rises from 0"),
    weightDecay: nonNegative(baby.weightDecay, "AdamW's weight decay, of matrices only"),
    beta1: fraction(baby.beta1, "AdamW's beta1"),
    beta2: fraction(baby.beta2, "AdamW's beta2"),
    clip: nonNegative(baby.clip, "maximum gradient norm; 0 disables clipping"),
    seed: integer(undefined, "seed of weights, batches and dropout; same seed, same run", {
      min: 0,
      max: 2 ** 32 - 1,
      shownDefault: String(baby.seed),
    }),
  }),
  ...group("Reports", {
    evalEvery: integer(250, "steps between evaluations; 0 for none", { min: 0 }),
    evalBatches: integer(20, "batches per evaluation", { min: 1 }),
    logEvery: integer(10, "steps between log lines; 0 for none", { min: 0 }),
    sampleEvery: integer(0, "steps between samples of text; 0 for none", { min: 0 }),
    checkpointEvery: integer(250, "steps between checkpoints; 0 saves at the end only", { min: 0 }),
    tensorboard: toggle(false, "also write the metrics as an event file for TensorBoard"),
    live: toggle(false, "serve a live page of the run on this machine"),
    livePort: integer(8484, "port of that page on 127.0.0.1; 0 takes any free port", {
      min: 0,
      max: 65535,
    }),
  }),
  ...group("Device", {
    ...deviceFlags,
    recomputeActivations: toggle(
      false,
      "recompute activations in the backward pass: less memory, more time, the same bits",
    ),
    blas: text(undefined, "matrix products on the CPU by a system BLAS; needs --allow-ffi", {
      placeholder: "auto|PATH",
    }),
  }),
  ...group("Run", {
    config: text(undefined, "repeat the run of this run.json; other flags change it", {
      placeholder: "FILE",
    }),
    out: text(undefined, "folder of the run", {
      placeholder: "DIR",
      shownDefault: "the first free of runs/PRESET, runs/PRESET-2, …",
    }),
    resume: toggle(false, "continue the run in --out"),
    continue: toggle(false, "continue the run in --out, or start one if there is none"),
  }),
};

/** The values of the flags. */
export type TrainFlags = FlagValues<typeof trainFlags>;

/** The flags that say how often a run reports; `--resume` may change them. */
export const REPORT_FLAGS = [
  "evalEvery",
  "evalBatches",
  "logEvery",
  "sampleEvery",
  "checkpointEvery",
] as const;

/** How often a run reports, in steps. */
export type Reports = Pick<TrainFlags, typeof REPORT_FLAGS[number]>;

/** The flags that say how a corpus is read; a run keeps them. */
const READING_FLAGS = ["validation", "column", "pack"] as const;

/** How a corpus is read. */
export type ReadingChoices = Partial<Pick<TrainFlags, typeof READING_FLAGS[number]>>;

/** The flags of reading that were typed; undefined if there is none. */
export function readingChoices(
  flags: TrainFlags,
  given: ReadonlySet<string>,
): ReadingChoices | undefined {
  const names = READING_FLAGS.filter((name) => given.has(name));
  if (names.length === 0) return undefined;
  return Object.fromEntries(names.map((name) => [name, flags[name]]));
}

/**
 * How a resumed run reads its corpus: as before.
 *
 * @throws {UserError} if a flag was typed that says otherwise
 */
export function resumedReading(
  folder: string,
  typed: ReadingChoices | undefined,
  saved: ReadingChoices | undefined,
): ReadingChoices | undefined {
  for (const [name, value] of Object.entries(typed ?? {})) {
    const before = saved?.[name as keyof ReadingChoices];
    if (before === value) continue;
    throw new UserError(
      `${folder}: its run has ${name} ${before ?? "not set"}, so --resume cannot take ${value}; ` +
        "leave the flag out or start a new run",
    );
  }
  return saved;
}
