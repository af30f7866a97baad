/**
 * `deno task finetune MODEL --labels FILE`: teaches a model to classify texts, and measures it
 * beside counted words.
 *
 * method.ts trains by one method; this is the order of a run, its lines and its files.
 *
 * @module
 */
import { deviceOptions } from "../../lib/cli/device_flags.ts";
import { kebabCase } from "../../lib/cli/flags.ts";
import { Interrupt } from "../../lib/cli/interrupt.ts";
import { formatCount, formatItems } from "../../lib/cli/numbers.ts";
import { print } from "../../lib/cli/output.ts";
import {
  type ClassificationReport,
  givenParts,
  type LabeledParts,
  loadLabeledFile,
  openDevice,
  saveAdapter,
  savePretrained,
  saveTokenizer,
  splitLabeled,
  UserError,
} from "../../mod.ts";
import type { Given } from "../train/choices.ts";
import { LABELS_FILE } from "../classify/open_classifier.ts";
import { modelPlace } from "../train/corpus_place.ts";
import { defaultFolder, expectFree, removeReplaced } from "../train/run_folder.ts";
import type { FinetuneFlags } from "./flags.ts";
import { type Method, trainByMethod, type Trained } from "./method.ts";

/** All methods, the cheapest first. */
const METHODS: readonly Method[] = ["words", "frozen", "lora", "full"];

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
  const folder = flags.out ?? defaultFolder("runs/finetune", false);
  if (!flags.compare) expectFree({ folder, force: flags.force });
  const parts = await loadParts(flags);
  const labels = labelsOf(parts);
  print(
    `texts    ${formatCount(parts.train.length)} to learn, ${parts.validation.length} to choose, ` +
      `${parts.test.length} to measure; ${formatItems(parts.duplicates, "duplicate")} left out`,
  );
  print(`labels   ${labels.join(", ")}`);
  const device = await openDevice(deviceOptions(flags));
  print(`device   ${device.description}`);
  using interrupt = new Interrupt();
  const { signal } = interrupt;
  const results: Trained[] = [];
  for (const method of flags.compare ? METHODS : [flags.method as Method]) {
    const trained = await trainByMethod(method, { flags, given, location, parts, labels, signal });
    if (signal.aborted) {
      print("stopped; nothing was written");
      return Deno.exit(interrupt.exitCode);
    }
    results.push(trained);
  }
  interrupt[Symbol.dispose]();
  if (flags.compare) printTable(results, parts);
  else await report(folder, results[0], { flags, location, parts });
  device.close();
}

/** Flags that a run with --labels does not follow. */
const OTHERS = [
  "steps",
  "accumulate",
  "beta1",
  "beta2",
  "patience",
  "pack",
  "column",
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

function expectFlags(flags: FinetuneFlags, given: Given, location: string | undefined): void {
  const { method, compare } = flags;
  if (flags.dataset !== undefined || flags.resume) {
    throw new UserError(
      `--labels: it cannot be given with --${flags.resume ? "resume" : "dataset"}; leave one out`,
    );
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
  if (location === undefined && (compare || method !== "words")) {
    throw new UserError("expected a MODEL to fine-tune; only --method words takes none");
  }
}

async function loadParts(flags: FinetuneFlags): Promise<LabeledParts> {
  const rows = await loadLabeledFile(flags.labels!);
  const { validation, test } = flags;
  if (validation === undefined && test === undefined) return await splitLabeled(rows);
  return givenParts({
    train: rows,
    validation: validation === undefined ? [] : await loadLabeledFile(validation),
    test: test === undefined ? [] : await loadLabeledFile(test),
  });
}

/** The classes of the texts to learn, in alphabetical order. */
function labelsOf({ train, validation, test }: LabeledParts): string[] {
  const labels = [...new Set(train.map(({ label }) => label))].sort();
  if (labels.length < 2) {
    throw new UserError(
      `--labels: expected texts of two or more classes, got ${labels[0] ?? "none"} alone`,
    );
  }
  const unknown = [...validation, ...test].find(({ label }) => !labels.includes(label));
  if (unknown) {
    throw new UserError(
      `--labels: the class ${unknown.label} is among the texts to measure and not among those to ` +
        `learn, which have ${labels.join(", ")}`,
    );
  }
  return labels;
}

/** What a run is made of. */
interface Run {
  readonly flags: FinetuneFlags;
  readonly location: string | undefined;
  readonly parts: LabeledParts;
}

/** Prints the result of one method and writes the run's files. */
async function report(
  folder: string,
  trained: Trained,
  { flags, location, parts }: Run,
): Promise<void> {
  const { model, tokenizer, adapter, test, validation, predictions, ...measured } = trained;
  const shown = test ?? validation;
  if (shown) printReport(test ? "test" : "validation", shown);
  await Deno.mkdir(folder, { recursive: true });
  const files = await saveModel(folder, trained, location);
  const record = {
    base: location,
    labels: flags.labels,
    parts: {
      train: parts.train.length,
      validation: parts.validation.length,
      test: parts.test.length,
      duplicates: parts.duplicates,
    },
    ...measured,
    validation,
    test,
    commandLine: ["deno task finetune", ...Deno.args].join(" "),
  };
  await Deno.writeTextFile(`${folder}/report.json`, JSON.stringify(record, undefined, 2) + "\n");
  const lines = predictions.map(({ right, predicted, text }) =>
    `${right}\t${predicted}\t${text}\n`
  );
  await Deno.writeTextFile(`${folder}/predictions.tsv`, lines.join(""));
  print(`wrote ${folder}/${[...files, "report.json", "predictions.tsv"].join(", ")}`);
  if (model) print(`try   deno task classify ${folder} "some text"`);
}

/** Saves an adapter with its labels, or the whole model; returns the names of the files. */
async function saveModel(
  folder: string,
  { model, tokenizer, adapter }: Trained,
  location: string | undefined,
): Promise<string[]> {
  if (!model || !tokenizer) return [];
  await removeReplaced(folder, []);
  if (!adapter) {
    await savePretrained(folder, { model, tokenizer });
    return ["config.json", "model.safetensors"];
  }
  await saveAdapter(folder, adapter, { base: modelPlace(location!) });
  await saveTokenizer(folder, tokenizer);
  await Deno.writeTextFile(`${folder}/${LABELS_FILE}`, JSON.stringify(model.labels) + "\n");
  return ["adapter_config.json", "adapter_model.safetensors", LABELS_FILE];
}

function printReport(part: string, { accuracy, classes, confusion }: ClassificationReport): void {
  print(`\n${part} accuracy ${accuracy.toFixed(4)}\n`);
  const width = Math.max(9, ...classes.map(({ label }) => label.length));
  const cells = (values: readonly (string | number)[]) =>
    values.map((value) => String(value).padStart(9)).join("");
  print(`${"".padEnd(width)}${cells(["precision", "recall", "F1", "texts"])}   predicted as`);
  classes.forEach(({ label, precision, recall, f1, texts }, c) => {
    const shares = [precision, recall, f1].map((share) => share.toFixed(3));
    print(`${label.padEnd(width)}${cells([...shares, texts])}   ${confusion[c].join(" ")}`);
  });
  print();
}

function printTable(results: readonly Trained[], { test }: LabeledParts): void {
  const part = test.length > 0 ? "test" : "validation";
  print(`\n| method | trained | ${part} accuracy | macro F1 | seconds |`);
  print("| --- | ---: | ---: | ---: | ---: |");
  for (const { method, trained, seconds, ...reports } of results) {
    const { accuracy, macroF1 } = (reports.test ?? reports.validation)!;
    print(
      `| ${method} | ${formatCount(trained)} | ${accuracy.toFixed(4)} | ${macroF1.toFixed(4)} | ` +
        `${seconds.toFixed(1)} |`,
    );
  }
}
