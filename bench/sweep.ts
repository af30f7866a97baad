/**
 * Measures many configurations, each in a separate process, and writes the results as JSON.
 *
 * @module
 */
import { formatBytes, formatRate } from "../lib/cli/numbers.ts";
import { integer, text, toggle } from "../lib/cli/flags.ts";
import { print } from "../lib/cli/output.ts";
import { UserError } from "../lib/cli/run.ts";
import { PRESETS } from "../lib/train/presets.ts";
import type { TrainSettings } from "../lib/train/settings.ts";
import {
  faster,
  type GenerationConfiguration,
  type GenerationResult,
  type Results,
  thisMachine,
  type TrainingConfiguration,
  type TrainingResult,
} from "./results.ts";
import { VOCABULARY } from "./training_step.ts";

/** Flags of a sweep. */
export const SWEEP_FLAGS = {
  seconds: integer(180, "about how long the whole takes", { min: 1 }),
  quick: toggle(false, "few configurations, in about half a minute"),
  again: toggle(false, "keep the faster of these results and those in the folder"),
  out: text("runs/bench", "folder of the results", { placeholder: "FOLDER" }),
};

/** Seconds that a process takes before and after it measures. */
const START = 1;

const THREADS = [1, 2];
/** Head size, as in the baby model. */
const HEAD_SIZE = 32;
/** Tokens of a batch in the sweep over contexts. */
const TOKENS = 2048;

function sizesOf({ layers, heads, width, context }: TrainSettings) {
  return { layers, heads, width, context };
}

/** Training steps over presets, widths, contexts and batches, with one thread and with two. */
export function trainingConfigurations(quick: boolean): TrainingConfiguration[] {
  const { baby, small } = PRESETS;
  const pick = (all: number[], few: number[]) => quick ? few : all;
  const ofBaby = ({ layers, width, context, batch } = baby) => {
    return { layers, heads: width / HEAD_SIZE, width, context, batch };
  };
  const cases: Omit<TrainingConfiguration, "threads">[] = [
    { group: "preset", ...ofBaby() },
    ...pick([64, 128, 256, 384, 512, 768], [64, 128, 256])
      .map((width) => ({ group: "width", ...ofBaby({ ...baby, width }) }) as const),
    ...pick([64, 128, 256, 512, 1024, 2048], [64, 256, 1024]).map((context) => {
      return { group: "context", ...ofBaby(), context, batch: TOKENS / context } as const;
    }),
    ...pick([1, 2, 4, 8, 16, 32, 64], [1, 4, 16])
      .map((batch) => ({ group: "batch", ...ofBaby(), batch }) as const),
  ];
  if (!quick) {
    // The preset's batch of 64 takes the better part of a minute a step.
    cases.push({ group: "preset", ...sizesOf(small), batch: 4 });
  }
  return cases.flatMap((each) => THREADS.map((threads) => ({ ...each, threads })));
}

/**
 * Generation of one sequence with models of the baby size, of `small` and of GPT-2's size (also
 * int8), with one thread and with two.
 */
export function generationConfigurations(quick: boolean): GenerationConfiguration[] {
  const { baby, small } = PRESETS;
  const gpt2 = { layers: 12, heads: 12, width: 768, context: 1024, vocabulary: 50257 };
  const weights = "f32";
  const models = [
    { name: "baby", ...sizesOf(baby), vocabulary: VOCABULARY, weights },
    { name: "small", ...sizesOf(small), vocabulary: VOCABULARY, weights },
    { name: "GPT-2", ...gpt2, weights },
    { name: "GPT-2", ...gpt2, weights: "int8" },
  ] as const;
  return models.slice(0, quick ? 2 : 4)
    .flatMap((model) => THREADS.map((threads) => ({ ...model, threads })));
}

/** Measures training steps in about `seconds`, and prints a Markdown table row for each. */
export async function measureTraining(
  configurations: readonly TrainingConfiguration[],
  seconds: number,
): Promise<TrainingResult[]> {
  head([
    ...["varied", "width", "context", "batch", "threads", "tokens/s", "ms per step: min", "median"],
    ...["device memory", "resident", "attention, ms", "products, ms", "rest, ms"],
  ]);
  return await measureEach<TrainingResult>("measure_training.ts", configurations, seconds, (r) => {
    const { attention, products, rest } = r.split;
    return [
      ...[r.group, r.width, r.context, r.batch, r.threads, formatRate(r.tokensPerSecond)],
      ...[r.milliseconds.minimum, r.milliseconds.median].map(milliseconds),
      ...[r.memory.device, r.memory.resident].map(formatBytes),
      ...[attention, products, rest].map(milliseconds),
    ];
  });
}

/** Measures generation in about `seconds`, and prints a Markdown table row for each model. */
export async function measureGeneration(
  configurations: readonly GenerationConfiguration[],
  seconds: number,
): Promise<GenerationResult[]> {
  head([
    ...["model", "parameters", "weights", "threads", "tokens/s", "ms per token: min", "median"],
    ...["read a token", "GB/s", "of memory's", "device memory", "resident"],
  ]);
  const program = "measure_generation.ts";
  return await measureEach<GenerationResult>(program, configurations, seconds, (r) => {
    const rate = r.bytes * r.tokensPerSecond;
    return [
      ...[r.name, formatRate(r.parameters), r.weights, r.threads, formatRate(r.tokensPerSecond)],
      ...[r.milliseconds.minimum, r.milliseconds.median].map(milliseconds),
      ...[formatBytes(r.bytes), (rate / 1e9).toPrecision(3)],
      `${Math.round(100 * rate / r.bandwidth)} %`,
      ...[r.memory.device, r.memory.resident].map(formatBytes),
    ];
  });
}

async function measureEach<Result>(
  program: string,
  configurations: readonly object[],
  seconds: number,
  row: (result: Result) => (string | number)[],
): Promise<Result[]> {
  const each = Math.max(0.3, seconds / configurations.length - START);
  const results: Result[] = [];
  for (const configuration of configurations) {
    const result = await measure<Result>(program, configuration, each);
    print(`| ${row(result).join(" | ")} |`);
    results.push(result);
  }
  return results;
}

async function measure<Result>(
  program: string,
  configuration: object,
  seconds: number,
): Promise<Result> {
  const { href } = new URL(program, import.meta.url);
  const args = ["run", "-A", href, JSON.stringify(configuration), String(seconds)];
  const { success, stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "inherit" })
    .output();
  if (!success) throw new UserError(`${program} failed with ${JSON.stringify(configuration)}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Formats a number with at least three digits. */
function milliseconds(time: number): string {
  return time < 100 ? time.toPrecision(3) : time.toFixed(0);
}

function head(columns: string[]): void {
  print(`| ${columns.join(" | ")} |`);
  print(`|${" --- |".repeat(columns.length)}`);
}

/**
 * Writes results, with the machine, Deno's version and the date, to a file in a folder, which is
 * created if missing. If `again` is set and the file exists, the faster of both measurements is
 * kept.
 */
export async function writeResults(
  folder: string,
  file: string,
  measured: Partial<Pick<Results, "training" | "generation">>,
  again: boolean,
): Promise<Results> {
  const path = `${folder}/${file}`;
  const measuredNow: Results = {
    schema: 1,
    machine: await thisMachine(),
    deno: Deno.version.deno,
    date: new Date().toISOString(),
    load: Deno.loadavg()[0],
    training: [],
    generation: [],
    ...measured,
  };
  const earlier = again ? await Deno.readTextFile(path).catch(() => undefined) : undefined;
  const results = earlier ? faster(measuredNow, JSON.parse(earlier)) : measuredNow;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(path, JSON.stringify(results, null, 1) + "\n");
  return results;
}
