/**
 * `deno task finetune MODEL --labels FILE`: teaches a model to classify texts, and measures it
 * beside counted words.
 *
 * This is the order of a run. classifier_start.ts makes the model, classifier_run.ts logs and
 * saves, compare_methods.ts trains by all methods.
 *
 * @module
 */
import { deviceLines, deviceOptions } from "../../lib/cli/device_flags.ts";
import { kebabCase } from "../../lib/cli/flags.ts";
import { Interrupt } from "../../lib/cli/interrupt.ts";
import { print } from "../../lib/cli/output.ts";
import {
  CheckpointFolder,
  classifierLoop,
  holdsCheckpoint,
  loadClassifierState,
  openDevice,
  UserError,
} from "../../mod.ts";
import type { Given } from "../train/choices.ts";
import { modelPlace } from "../train/corpus_place.ts";
import { drawAdapter, drawLoss } from "../train/record.ts";
import { defaultFolder, expectFree, expectNewOrResumed } from "../train/run_folder.ts";
import { json, printReport, reportFiles, writeReports } from "./classifier_report.ts";
import { ClassifierRun } from "./classifier_run.ts";
import {
  type ClassifierChoices,
  classifierSettings,
  expectResumable,
  loadClassifierRecord,
  type ModelMethod,
} from "./classifier_settings.ts";
import { type ClassifierStart, startClassifier } from "./classifier_start.ts";
import { loopSettings, trainedCount, trainerOf } from "./classifier_training.ts";
import { compareMethods } from "./compare_methods.ts";
import type { FinetuneFlags } from "./flags.ts";
import { type EncodedParts, encodeParts, loadTask, recordedFiles } from "./labeled_parts.ts";
import { LiveClassifier } from "./live_classifier.ts";
import { countWords } from "./words_method.ts";

/** What a Ctrl-C during a long step does. */
const STOPPING = "stopping after this step; another Ctrl-C stops without saving";

/** Whether the flags ask for a run with `--labels`, or for the rest of one. */
export async function isClassification(flags: FinetuneFlags): Promise<boolean> {
  if (flags.labels !== undefined) return true;
  const folder = folderOf(flags);
  return flags.resume && holdsCheckpoint(folder) &&
    await loadClassifierRecord(folder) !== undefined;
}

function folderOf({ out, resume }: FinetuneFlags): string {
  return out ?? defaultFolder("runs/finetune", resume);
}

/**
 * Trains, measures and saves a classifier.
 *
 * @throws {UserError} if the files, the labels or the flags do not fit
 */
export async function classification(
  flags: FinetuneFlags,
  given: Given,
  location: string | undefined,
): Promise<void> {
  expectFlags(flags, given, location);
  const folder = folderOf(flags);
  if (flags.resume) return await resume(folder, flags, { given, location });
  expectFree({ folder, force: flags.force });
  if (flags.compare) return await compareMethods(folder, flags, { given, location });
  if (flags.method === "words") return await words(folder, flags);
  const base = location === undefined ? undefined : modelPlace(location);
  const settings = classifierSettings(flags, given, methodOf(flags));
  await using live = await LiveClassifier.open(flags, given);
  if (live) print(`live     ${live.chart.url}`);
  const task = await loadTask(flags);
  const files = recordedFiles(flags);
  const choices = {
    files,
    base,
    revision: flags.revision,
    settings,
    textsHash: task.hash,
  };
  await train({ folder, flags, choices, task, live });
}

/** The method of a model: a new one is trained as a whole. */
function methodOf({ preset, method }: FinetuneFlags): ModelMethod {
  return preset ? "full" : method as ModelMethod;
}

/** What was typed besides the flags' values. */
interface Typed {
  readonly given: Given;
  readonly location: string | undefined;
}

async function resume(
  folder: string,
  flags: FinetuneFlags,
  { given, location }: Typed,
): Promise<void> {
  expectNewOrResumed(flags);
  expectResumable(given);
  const record = await loadClassifierRecord(folder);
  if (!record) {
    throw new UserError(`${folder}: it is a run without --labels; leave that flag out`);
  }
  const { step, choices } = record;
  if (location !== undefined && modelPlace(location) !== choices.base) {
    throw new UserError(
      `${folder}: its run fine-tunes ${choices.base ?? "a new model"}, so --resume cannot take ` +
        location,
    );
  }
  await using live = await LiveClassifier.open(flags, given);
  if (live) print(`live     ${live.chart.url}`);
  const { labels, validation, test } = flags;
  const typed = labels === undefined ? {} : recordedFiles({ labels, validation, test });
  const files = { ...choices.files, ...typed };
  const task = await loadTask(files);
  if (task.hash !== choices.textsHash) {
    throw new UserError(
      `${files.labels}: these are other texts than the run in ${folder} learns from; give the same ` +
        "files, or start a new run",
    );
  }
  await train({ folder, flags, choices: { ...choices, files }, task, live, resumedAt: step });
}

/** A run to train. */
interface RunInput {
  readonly folder: string;
  readonly flags: FinetuneFlags;
  readonly choices: ClassifierChoices;
  readonly task: Awaited<ReturnType<typeof loadTask>>;
  readonly live: LiveClassifier | undefined;
  readonly resumedAt?: number;
}

async function train(input: RunInput): Promise<void> {
  const { folder: path, flags, choices, task, live, resumedAt } = input;
  const { settings, base, revision } = choices;
  const device = await openDevice(deviceOptions(flags));
  print(deviceLines(device));
  const start = await startClassifier({ settings, task, base, revision });
  for (const line of start.lines) print(line);
  const encoded = await encodeParts(start.tokenizer, task, start.limit);
  using folder = await CheckpointFolder.open(path);
  if (resumedAt === undefined) expectFree({ folder: path, force: flags.force });
  const { trainer, steps } = await trainerOf(settings, start, encoded);
  const { parameters } = start;
  if (resumedAt !== undefined) {
    await loadClassifierState(path, { parameters, optimizer: trainer.optimizer });
  }
  using interrupt = new Interrupt(["SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE"]);
  const { force, tensorboard } = flags;
  const facts = { choices, start, encoded, steps, resumedAt, force, tensorboard };
  const parts = { ...facts, trainer, device, folder, live };
  const run = await ClassifierRun.begin(parts);
  const loop = classifierLoop(trainer, {
    ...loopSettings(settings, encoded),
    logEvery: flags.logEvery,
    ...flags.checkpointEvery === undefined ? {} : { checkpointEvery: flags.checkpointEvery },
    evaluateFirst: run.owesEvaluation,
    signal: interrupt.signal,
  });
  try {
    for await (const event of loop) {
      await run.handle(event);
      await interrupt.listenInWorker(STOPPING);
    }
  } catch (error) {
    throw await run.failure(error);
  }
  if (interrupt.signal.aborted) {
    await run.reportStop();
    return Deno.exit(interrupt.exitCode);
  }
  interrupt[Symbol.dispose](); // all is saved: Ctrl-C may end what follows
  await report(run, input, { encoded, start, trained: trainedCount(trainer) });
  device.close();
}

/** Prints the result of a finished run and writes its files. */
async function report(
  run: ClassifierRun,
  { folder, choices, task }: RunInput,
  { encoded: { cut }, start: { adapter }, trained }: {
    encoded: EncodedParts;
    start: ClassifierStart;
    trained: number;
  },
): Promise<void> {
  const { seconds } = run;
  const { chosen: { step: _, ...chosen }, last } = await run.result();
  const { settings: { preset, method }, base, files: { labels } } = choices;
  const result = { method: preset ?? method, trained, seconds, ...chosen };
  const other = last.epoch === chosen.epoch ? undefined : last;
  printReport(result, other);
  const files = await reportFiles(result, task, { base, labels, cut, last: other });
  const names = await run.saveResult(new Map(files));
  if (await drawLoss(folder, { per: "text" })) names.push("loss.svg");
  if (adapter && await drawAdapter(folder, adapter)) names.push("adapter.svg");
  print(`wrote ${folder}/${names.join(", ")}`);
  print(`try   deno task classify ${run.chosenFolder} "some text"`);
}

async function words(folder: string, flags: FinetuneFlags): Promise<void> {
  const task = await loadTask(flags);
  const result = countWords(task);
  printReport(result, undefined);
  const { labels } = recordedFiles(flags);
  await writeReports(folder, [
    ["labels.json", json(task.labels)],
    ...await reportFiles(result, task, { labels }),
  ]);
}

/** Flags that a run with --labels does not follow. */
const OTHERS = [
  "accumulate",
  "beta1",
  "beta2",
  "patience",
  "pack",
  "teacher",
  "teacherTemperature",
  "teacherWeight",
  "preferences",
  "beta",
  "column",
  "evalEvery",
  "evalBatches",
  "sampleEvery",
  "recomputeActivations",
  "blas",
];

function expectFlags(flags: FinetuneFlags, given: Given, location: string | undefined): void {
  const { method, compare, preset } = flags;
  if (flags.dataset !== undefined) {
    throw new UserError("--labels: it cannot be given with --dataset; leave one out");
  }
  const other = OTHERS.find((name) => given.has(name));
  if (other !== undefined) {
    throw new UserError(
      `--${kebabCase(other)}: a run with --labels has no such choice; leave it out`,
    );
  }
  if (compare && given.has("method")) {
    throw new UserError("--compare trains by all methods; leave --method out");
  }
  if (preset && (location !== undefined || given.has("method"))) {
    const what = location === undefined ? `--method ${method}` : location;
    throw new UserError(`--preset ${preset} trains a new model; leave ${what} out`);
  }
  if (location === undefined && !preset && !flags.resume && (compare || method !== "words")) {
    throw new UserError(
      "expected a MODEL to fine-tune, or --preset encoder; only --method words takes neither",
    );
  }
}
