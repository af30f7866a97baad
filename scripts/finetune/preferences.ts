/**
 * `deno task finetune MODEL --preferences FILE`: teaches a model to prefer chosen answers to
 * rejected ones (DPO).
 *
 * The reference is the model as it is loaded: all pairs are scored once before the first step.
 *
 * @module
 */
import { deviceLines, deviceOptions } from "../../lib/cli/device_flags.ts";
import { kebabCase } from "../../lib/cli/flags.ts";
import { Interrupt } from "../../lib/cli/interrupt.ts";
import { fromModelPlace } from "../../lib/cli/model_place.ts";
import { formatCount, formatItems } from "../../lib/cli/numbers.ts";
import { print } from "../../lib/cli/output.ts";
import { userInput } from "../../lib/cli/run.ts";
import { makeFolder } from "../../lib/cli/write_text.ts";
import {
  AdamW,
  type AnswerScores,
  encodePreferences,
  type GPT,
  loadPreferences,
  loadPretrained,
  type LoraAdapter,
  openDevice,
  type PreferenceReport,
  preferenceReport,
  PreferenceTrainer,
  type Pretrained,
  Random,
  type ReferencedPair,
  saveAdapter,
  savePretrained,
  saveTokenizer,
  scorePairs,
  type Tensor,
  UserError,
  warmupDecay,
} from "../../mod.ts";
import type { Given } from "../train/choices.ts";
import { modelPlace } from "../train/corpus_place.ts";
import { heldOutChoice } from "../train/data.ts";
import { drawAdapter } from "../train/record.ts";
import { defaultFolder, expectFree, removeReplaced } from "../train/run_folder.ts";
import { describeTraining, newAdapter } from "./base.ts";
import type { FinetuneFlags } from "./flags.ts";

/** The longest prompt with its answer unless the user says otherwise. */
const CONTEXT = 256;

/** The learning rate by method. */
const RATES = { lora: 3e-4, full: 3e-5 };

/** Flags that a run with --preferences does not follow. */
const OTHERS = [
  "labels",
  "dataset",
  "resume",
  "test",
  "compare",
  "preset",
  "column",
  "pack",
  "teacher",
  "teacherTemperature",
  "teacherWeight",
  "accumulate",
  "patience",
  "evalEvery",
  "evalBatches",
  "logEvery",
  "sampleEvery",
  "checkpointEvery",
  "tensorboard",
  "live",
  "livePort",
  "recomputeActivations",
  "blas",
];

/** The pairs to learn, those to measure on, and how many were too long. */
interface Pairs {
  readonly train: readonly ReferencedPair[];
  readonly held: readonly ReferencedPair[];
  readonly tooLong: number;
}

/**
 * Trains, measures and saves a model that prefers the chosen answers.
 *
 * @throws {UserError} if the file or the flags do not fit
 */
export async function preferenceTraining(
  flags: FinetuneFlags,
  given: Given,
  location: string | undefined,
): Promise<void> {
  const method = expectFlags(flags, given, location);
  const base = modelPlace(location!);
  const folder = flags.out ?? defaultFolder("runs/finetune", false);
  expectFree({ folder, force: flags.force });
  const device = await openDevice(deviceOptions(flags));
  print(deviceLines(device));
  const { dropout = 0, revision, seed = 1337 } = flags;
  const opened = await fromModelPlace(
    location!,
    (onProgress) => loadPretrained(location!, { dropout, revision, onProgress }),
  );
  const { model } = opened;
  const pairs = await referencedPairs(opened, flags);
  const left = pairs.tooLong > 0
    ? `; ${formatItems(pairs.tooLong, "pair")} too long, left out`
    : "";
  print(
    `pairs    ${formatCount(pairs.train.length)} to learn, ${pairs.held.length} held out${left}`,
  );
  const adapter = method === "lora"
    ? await userInput(() => newAdapter(model, flags, { base, seed }))
    : undefined;
  for (const line of describeTraining({ model, adapter, endTokens: [] }, base)) print(line);
  const parameters = (adapter ?? model).parameters();
  using interrupt = new Interrupt();
  const learning = { model, parameters, pairs, flags, given, method, seed };
  const result = await learn(learning, interrupt.signal);
  if (interrupt.signal.aborted) {
    print("stopped; nothing was written");
    return Deno.exit(interrupt.exitCode);
  }
  interrupt[Symbol.dispose]();
  await save(folder, opened, { adapter, base });
  const record = {
    base,
    preferences: flags.preferences,
    method,
    beta: flags.beta,
    pairs: { train: pairs.train.length, heldOut: pairs.held.length, tooLong: pairs.tooLong },
    ...result,
    commandLine: ["deno task finetune", ...Deno.args].join(" "),
  };
  await Deno.writeTextFile(`${folder}/report.json`, JSON.stringify(record, undefined, 2) + "\n");
  if (adapter) await drawAdapter(folder, adapter);
  print(`wrote ${folder}`);
  print(`try   deno task sample ${adapter ? `${base} --adapter ${folder}` : folder}`);
  device.close();
}

function expectFlags(
  { method }: FinetuneFlags,
  given: Given,
  location: string | undefined,
): "lora" | "full" {
  const other = OTHERS.find((name) => given.has(name));
  if (other !== undefined) {
    throw new UserError(
      `--${kebabCase(other)}: a run with --preferences has no such choice; leave it out`,
    );
  }
  if (location === undefined) throw new UserError("expected a MODEL to fine-tune; see --help");
  if (method === "lora" || method === "full") return method;
  throw new UserError(`--method ${method}: it classifies texts; give them with --labels FILE`);
}

/** Reads, encodes, splits and scores the pairs; those longer than the context are left out. */
async function referencedPairs(
  { model, tokenizer }: Pretrained,
  { preferences, validation, context, seed = 1337 }: FinetuneFlags,
): Promise<Pairs> {
  const { contextLength } = model.config;
  if (context !== undefined && context > contextLength) {
    throw new UserError(`--context ${context}: the model's is ${contextLength}; take at most that`);
  }
  const longest = context ?? Math.min(CONTEXT, contextLength);
  let tooLong = 0;
  const read = async (place: string): Promise<ReferencedPair[]> => {
    const found = await loadPreferences(place);
    const encoded = await userInput(() => encodePreferences(tokenizer, found));
    const fitting = encoded.filter(({ prompt, chosen, rejected }) =>
      prompt.length + Math.max(chosen.length, rejected.length) - 1 <= longest
    );
    tooLong += encoded.length - fitting.length;
    const { chosen, rejected } = await scorePairs(model, fitting);
    return fitting.map((pair, i) => ({
      ...pair,
      reference: { chosen: chosen[i], rejected: rejected[i] },
    }));
  };
  const all = new Random(seed).shuffled(await read(preferences!));
  const held = heldOutChoice(validation);
  const count = typeof held === "number" ? Math.round(held * all.length) : 0;
  const train = all.slice(count);
  if (train.length === 0) {
    throw new UserError(
      `--preferences: expected pairs of at most ${longest} tokens, got none of ${tooLong}; ` +
        "take another --context",
    );
  }
  return {
    train,
    held: typeof held === "number" ? all.slice(0, count) : await read(held),
    tooLong,
  };
}

/** What is trained, and how. */
interface Learning {
  readonly model: GPT;
  readonly parameters: readonly Tensor[];
  readonly pairs: Pairs;
  readonly flags: FinetuneFlags;
  readonly given: Given;
  readonly method: "lora" | "full";
  readonly seed: number;
}

/** The epoch whose numbers were kept, and what it brought. */
interface Learned {
  readonly epoch: number;
  readonly steps: number;
  readonly seconds: number;
  readonly heldOut?: PreferenceReport;
}

/** Trains for all epochs, and puts back the numbers of the one with the lowest held-out loss. */
async function learn(learning: Learning, signal: AbortSignal): Promise<Learned> {
  const { model, parameters, pairs: { train, held }, flags, given, method, seed } = learning;
  const { beta, clip = 1, beta1 = 0.9, beta2 = 0.999 } = flags;
  const batchSize = given.has("batch") ? flags.batch! : 8;
  const perEpoch = Math.ceil(train.length / batchSize);
  const steps = given.has("steps")
    ? flags.steps!
    : Math.max(1, Math.round(flags.epochs * perEpoch));
  const learningRate = flags.learningRate ?? RATES[method];
  const schedule = warmupDecay({
    learningRate,
    minLearningRate: flags.minLearningRate ?? learningRate / 10,
    warmupSteps: flags.warmupSteps ?? Math.ceil(0.06 * steps),
    steps,
  });
  const { weightDecay = method === "full" ? 0.01 : 0 } = flags;
  const optimizer = new AdamW(parameters, { clip, beta1, beta2, weightDecay });
  const options = { learningRate: schedule, beta, batchSize, seed };
  const trainer = new PreferenceTrainer(model, optimizer, options);
  const started = performance.now();
  let best: { epoch: number; heldOut?: PreferenceReport; numbers?: Float32Array[] } = { epoch: 0 };
  for (let epoch = 1; trainer.stepsDone < steps && !signal.aborted; epoch++) {
    const order = new Random(seed, epoch).shuffled(train);
    const loss = await oneEpoch(trainer, order, { batchSize, steps, signal });
    if (signal.aborted) break;
    const heldOut = held.length > 0 ? await measured(model, held, beta) : undefined;
    const isBest = !heldOut || heldOut.loss < (best.heldOut?.loss ?? Infinity);
    if (isBest) best = { epoch, heldOut, numbers: await read(parameters) };
    print(
      `epoch ${epoch}  step ${trainer.stepsDone}/${steps}  loss ${loss.toFixed(4)}${
        heldOut ? reportText(heldOut) + (isBest ? " (best)" : "") : ""
      }`,
    );
  }
  parameters.forEach((parameter, i) => best.numbers && parameter.write(best.numbers[i]));
  const seconds = (performance.now() - started) / 1000;
  return { epoch: best.epoch, steps: trainer.stepsDone, seconds, heldOut: best.heldOut };
}

async function oneEpoch(
  trainer: PreferenceTrainer,
  pairs: readonly ReferencedPair[],
  { batchSize, steps, signal }: { batchSize: number; steps: number; signal: AbortSignal },
): Promise<number> {
  const losses: number[] = [];
  const note = async () => {
    for (const { loss } of await trainer.figures()) losses.push(loss);
    if (losses.every(Number.isFinite)) return;
    throw new UserError(
      "training: the loss is not finite; start again with a lower --learning-rate",
    );
  };
  for (let first = 0; first < pairs.length; first += batchSize) {
    if (signal.aborted || trainer.stepsDone === steps) break;
    trainer.step(pairs.slice(first, first + batchSize));
    if (first / batchSize % 10 === 9) await note(); // so that a Ctrl-C is heard
  }
  await note();
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

async function measured(
  model: GPT,
  pairs: readonly ReferencedPair[],
  beta: number,
): Promise<PreferenceReport> {
  const of = (kind: keyof AnswerScores) => pairs.map(({ reference }) => reference[kind]);
  const reference = { chosen: of("chosen"), rejected: of("rejected") };
  return preferenceReport(await scorePairs(model, pairs), reference, { beta });
}

function reportText({ loss, accuracy, margin }: PreferenceReport): string {
  return `  held-out loss ${loss.toFixed(4)}  preferred ${(100 * accuracy).toFixed(1)} %  ` +
    `margin ${margin.toFixed(3)}`;
}

async function save(
  folder: string,
  { model, tokenizer, beginToken, endTokens }: Pretrained,
  { adapter, base }: { adapter?: LoraAdapter; base: string },
): Promise<void> {
  if (!adapter) {
    return await userInput(() =>
      savePretrained(folder, { model, tokenizer, beginToken, endTokens })
    );
  }
  await makeFolder(folder);
  await removeReplaced(folder, []);
  await saveAdapter(folder, adapter, { base });
  await saveTokenizer(folder, tokenizer);
}

async function read(parameters: readonly Tensor[]): Promise<Float32Array[]> {
  return await Promise.all(parameters.map(async (tensor) => await tensor.data() as Float32Array));
}
