/**
 * The flags of `deno task train`.
 *
 * What a run makes of them is left to plan.ts.
 *
 * @module
 */
import { choice, type FlagValues, group, integer, number, text, toggle } from "../flags.ts";

const whole = (meaning: string) =>
  integer(undefined, `${meaning}. Default: the preset's`, { min: 1 });
const count = (meaning: string) =>
  integer(undefined, `${meaning}. Default: the preset's`, { min: 0 });
const share = (meaning: string) =>
  number(undefined, `${meaning}. Default: the preset's`, { min: 0, max: 1 });
const positive = (meaning: string) =>
  number(undefined, `${meaning}. Default: the preset's`, { min: 0 });

/** Every flag of `deno task train`, by groups. */
export const trainFlags = {
  ...group("Corpus", {
    dataset: text(
      undefined,
      "a corpus's name, a text file, a URL, a folder of `deno task tokenize`, or -",
    ),
    tokenizer: choice(
      "char",
      "what a token is: a character, or a word, with or without <unk> for the others",
      { choices: ["char", "word", "words-only"] },
    ),
  }),
  ...group("Model", {
    preset: choice("baby", "settings to start from", { choices: ["baby", "small", "practical"] }),
    layers: whole("blocks"),
    heads: whole("attention heads; they divide the width"),
    width: whole("size of a token's vector"),
    context: whole("tokens the model sees at once"),
    dropout: share("chance of dropping an activation"),
    initFrom: text(undefined, "start from the weights and the tokenizer of this run", {
      placeholder: "DIR",
    }),
  }),
  ...group("Training", {
    batch: whole("sequences in a batch"),
    steps: whole("updates"),
    accumulate: whole("batches for one update"),
    learningRate: positive("rate after the warm-up"),
    minLearningRate: positive("rate at the last step"),
    warmupSteps: count("steps in which the rate rises"),
    weightDecay: positive("decay of matrices"),
    beta1: share("AdamW's beta1"),
    beta2: share("AdamW's beta2"),
    clip: positive("largest gradient norm; 0 is off"),
    seed: integer(undefined, "seed of everything random. Default: the preset's", {
      min: 0,
      max: 2 ** 32 - 1,
    }),
  }),
  ...group("Reports", {
    evalEvery: integer(250, "steps between evaluations; 0 is off", { min: 0 }),
    evalBatches: integer(20, "batches in an evaluation", { min: 1 }),
    logEvery: integer(10, "steps between log lines; 0 is off", { min: 0 }),
    sampleEvery: integer(0, "steps between samples; 0 is off", { min: 0 }),
    checkpointEvery: integer(250, "steps between checkpoints; 0: at the end only", { min: 0 }),
    live: toggle(false, "show the run on a page of this machine while it trains"),
    livePort: integer(8484, "port of that page on 127.0.0.1; 0 takes any free one", {
      min: 0,
      max: 65535,
    }),
  }),
  ...group("Where", {
    device: choice("auto", "what computes", { choices: ["auto", "webgpu", "cpu"] }),
    precision: choice("f32", "of the operands of products; f16 is for WebGPU", {
      choices: ["f32", "f16"],
    }),
    checkpointActivations: toggle(
      false,
      "keep less for the derivative and compute it again: less memory, more time, the same bits",
    ),
    threads: integer(undefined, "CPU threads. Default: all cores", { min: 1, max: 64 }),
    blas: text(undefined, "products on the CPU by a system library; needs --allow-ffi", {
      placeholder: "auto|PATH",
    }),
    out: text(
      undefined,
      "folder of the run. Default: the first free of runs/PRESET, runs/PRESET-2, …",
      {
        placeholder: "DIR",
      },
    ),
    resume: toggle(false, "continue the run in --out"),
  }),
};

/** The flags' values. */
export type TrainFlags = FlagValues<typeof trainFlags>;
