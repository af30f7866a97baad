/**
 * The flags of `deno task train`. See plan.ts for the plan that is made of them.
 *
 * @module
 */
import { blasFlag, deviceFlags } from "../../lib/cli/device_flags.ts";
import {
  choice,
  type FlagValues,
  group,
  integer,
  number,
  ruled,
  text,
  toggle,
} from "../../lib/cli/flags.ts";
import { realNumber } from "../../lib/rules.ts";
import { absolutePath } from "./corpus_place.ts";
import { PRESETS, REPORT_RULES, SETTING_RULES, type TrainSettings, UserError } from "../../mod.ts";

/** Names of the settings that are numbers. */
type NumberSetting = {
  [Name in keyof TrainSettings]-?: TrainSettings[Name] extends number ? Name : never;
}[keyof TrainSettings];

/** A flag that overrides a setting of the preset; `--help` shows that of `baby`. */
function setting(name: NumberSetting, meaning: string) {
  const rule = SETTING_RULES[name];
  const placeholder = rule.accepts(0.5) ? "NUMBER" : "N";
  const shownDefault = String(PRESETS.baby[name]);
  return ruled(undefined as number | undefined, meaning, { rule, placeholder, shownDefault });
}

/** A flag for how often a run reports. */
function report(name: keyof typeof REPORT_RULES, value: number, meaning: string) {
  return ruled(value, meaning, { rule: REPORT_RULES[name], placeholder: "N" });
}

/** What a new tokenizer takes for a token. */
export const TOKENIZER_KINDS = ["char", "word", "words-only", "lower-words"] as const;

/** Every flag of `deno task train`, by groups. */
export const trainFlags = {
  ...group("Corpus", {
    dataset: text(
      undefined,
      "corpus name, text file, URL, folder written by `deno task tokenize`, or - for standard " +
        "input; documents: a folder, a pattern such as 'notes/*.md', a .jsonl, .csv or .tsv file",
      { placeholder: "CORPUS", shownDefault: "tiny-shakespeare" },
    ),
    tokenizer: choice(
      "char",
      "tokens: characters (char), words and <unk> (word), words without <unk> (words-only), or " +
        "lower-case words and signs that occur twice, as those of a classifier from scratch " +
        "(lower-words)",
      {
        choices: TOKENIZER_KINDS,
        hints: {
          bpe: "`deno task tokenize --tokenizer bpe` writes tokens that --dataset DIR takes",
        },
      },
    ),
    validation: text(
      undefined,
      "held-out text: a fraction of the corpus, such as 0.05, or a file",
      {
        placeholder: "FILE|SHARE",
        shownDefault: "0.1, the end of the corpus",
      },
    ),
    column: text("text", "key of JSON lines, or column of CSV files, that holds the text"),
    pack: toggle(false, "fill rows with several documents, which do not see each other"),
  }),
  ...group("Model", {
    preset: choice(
      "baby",
      "settings to start from: baby (minutes on a CPU), modern (the same size, learns in fewer " +
        "steps), small (for a GPU), practical (a model of words); the defaults shown below are " +
        "those of baby",
      { choices: ["baby", "modern", "small", "practical"] },
    ),
    layers: setting("layers", "transformer blocks"),
    heads: setting("heads", "attention heads per block; must divide the width"),
    width: setting("width", "size of a token's vector"),
    context: setting("context", "context length: maximum number of tokens in a sequence"),
    dropout: setting("dropout", "probability of dropping an activation"),
    initFrom: text(
      undefined,
      "start from the weights and the tokenizer of this run or model: folder, address, or name " +
        "on the hub",
      { placeholder: "MODEL" },
    ),
  }),
  ...group("Training", {
    batch: setting("batch", "sequences per batch"),
    steps: setting("steps", "optimizer updates"),
    accumulate: setting("accumulate", "batches per update (gradient accumulation)"),
    learningRate: setting("learningRate", "learning rate after the warm-up"),
    minLearningRate: setting(
      "minLearningRate",
      "learning rate at the last step; with --learning-rate alone, the same share of it",
    ),
    warmupSteps: setting("warmupSteps", "steps in which the learning rate rises from 0"),
    weightDecay: setting("weightDecay", "AdamW's weight decay, of matrices only"),
    beta1: setting("beta1", "AdamW's beta1"),
    beta2: setting("beta2", "AdamW's beta2"),
    average: ruled(
      undefined as number | undefined,
      "decay of a running mean of the weights, such as 0.99, which is evaluated and kept as best/",
      {
        rule: realNumber({ min: 0, below: 1 }),
        placeholder: "NUMBER",
        shownDefault: "0, none",
      },
    ),
    patience: integer(
      0,
      "evaluations without a lower validation loss after which training stops early; 0 never",
      { min: 0 },
    ),
    clip: setting("clip", "maximum gradient norm; 0 disables clipping"),
    teacher: text(
      undefined,
      "learn the predictions of this run or model, too (distillation); a new model takes over its " +
        "tokenizer",
      { placeholder: "MODEL", shownDefault: "" },
    ),
    teacherTemperature: number(2, "with --teacher: divides the logits of both models", {
      min: 0.01,
    }),
    teacherWeight: number(0.5, "with --teacher: its share in the loss, beside the corpus", {
      min: 0,
      max: 1,
    }),
    seed: setting("seed", "seed of weights, batches and dropout; same seed, same run"),
  }),
  ...group("Reports", {
    evalEvery: report("evalEvery", 250, "steps between evaluations; 0 for none"),
    evalBatches: report("evalBatches", 20, "batches per evaluation"),
    logEvery: report("logEvery", 10, "steps between log lines; 0 for none"),
    sampleEvery: report("sampleEvery", 0, "steps between samples of text; 0 for none"),
    checkpointEvery: report(
      "checkpointEvery",
      250,
      "steps between checkpoints; 0 saves at the end only",
    ),
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
    mpi: text(
      undefined,
      "MPI library of processes that mpirun started: auto, openmpi, mpich, abi or a path",
      { placeholder: "auto|PATH", shownDefault: "auto" },
    ),
    mpiTimeout: integer(300, "seconds that one process may wait for the others", { min: 1 }),
    globalBatch: integer(undefined, "sequences per batch of all processes, instead of --batch", {
      min: 1,
    }),
    blas: blasFlag,
  }),
  ...group("Run", {
    config: text(undefined, "repeat the run of this run.json; other flags change it", {
      placeholder: "FILE",
    }),
    out: text(undefined, "folder of the run", {
      placeholder: "DIR",
      shownDefault: "the first free of runs/PRESET, runs/PRESET-2, …",
    }),
    resume: toggle(
      false,
      "continue the run in --out; rates, steps, batches and reports may be changed",
    ),
    continue: toggle(false, "continue the run in --out, or start one if there is none"),
    force: toggle(
      false,
      "start a new run although --out holds files; a run or a model is replaced",
    ),
  }),
};

/** The values of the flags. */
export type TrainFlags = FlagValues<typeof trainFlags>;

/** The flags for how often a run reports; `--resume` may change them. */
export const REPORT_FLAGS = Object.keys(REPORT_RULES) as (keyof typeof REPORT_RULES)[];

/** How often a run reports, in steps. */
export type Reports = Pick<TrainFlags, keyof typeof REPORT_RULES>;

/** The flags for reading a corpus; a run keeps them. */
const READING_FLAGS = ["validation", "column", "pack"] as const;

/** How a corpus is read. */
export type ReadingChoices = Partial<Pick<TrainFlags, typeof READING_FLAGS[number]>>;

/** The flags for reading that were typed; undefined if there are none. */
export function readingChoices(
  flags: TrainFlags,
  given: ReadonlySet<string>,
): ReadingChoices | undefined {
  const names = READING_FLAGS.filter((name) => given.has(name));
  if (names.length === 0) return undefined;
  const typed: Partial<TrainFlags> = Object.fromEntries(names.map((name) => [name, flags[name]]));
  const { validation } = typed;
  const isFile = validation !== undefined && !Number.isFinite(Number(validation));
  return isFile ? { ...typed, validation: absolutePath(validation) ?? validation } : typed;
}

/**
 * The choices for reading of a resumed run: those of the run.
 *
 * @throws {UserError} if a typed flag differs from them
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

/**
 * Refuses `--patience` without evaluations.
 *
 * @throws {UserError} saying what to do
 */
export function expectEvaluations(
  { patience, evalEvery }: { patience?: number; evalEvery: number },
): void {
  if (!patience || evalEvery > 0) return;
  throw new UserError(
    `--patience ${patience}: it counts evaluations, and --eval-every 0 makes none; set another`,
  );
}

/** The settings that were typed; `--learning-rate` alone scales the last rate with it. */
export function givenSettings(
  flags: TrainFlags,
  given: ReadonlySet<string>,
  before: TrainSettings,
): Partial<TrainSettings> {
  const names = Object.keys(SETTING_RULES).filter((name) => given.has(name));
  const typed: Partial<TrainSettings> = Object.fromEntries(
    names.map((name) => [name, flags[name as keyof TrainFlags]]),
  );
  const { learningRate, minLearningRate } = typed;
  if (learningRate !== undefined && minLearningRate === undefined && before.learningRate > 0) {
    typed.minLearningRate = before.minLearningRate / before.learningRate * learningRate;
  }
  return typed;
}
