/**
 * `--labels FILE --compare`: trains by all methods on the same texts, and prints one table.
 *
 * @module
 */
import { deviceLines, deviceOptions } from "../../lib/cli/device_flags.ts";
import { Interrupt } from "../../lib/cli/interrupt.ts";
import { formatCount } from "../../lib/cli/numbers.ts";
import { print } from "../../lib/cli/output.ts";
import type { MethodPoint } from "../../lib/plot/mod.ts";
import {
  classifierLoop,
  type ClassifierTrainer,
  measureClassifier,
  type MeasuredEpoch,
  openDevice,
} from "../../mod.ts";
import type { Given } from "../train/choices.ts";
import { modelPlace } from "../train/corpus_place.ts";
import { drawn, json, type MethodResult, shownPart, writeReports } from "./classifier_report.ts";
import {
  type ClassifierSettings,
  classifierSettings,
  type ModelMethod,
} from "./classifier_settings.ts";
import { startClassifier, type StartInput } from "./classifier_start.ts";
import { loopSettings, roundedEpoch, trainedCount, trainerOf } from "./classifier_training.ts";
import type { FinetuneFlags } from "./flags.ts";
import { type EncodedParts, encodeParts, loadTask } from "./labeled_parts.ts";
import { countWords } from "./words_method.ts";

/** The methods that start from a model, the cheapest first. */
const METHODS: readonly ModelMethod[] = ["frozen", "lora", "full"];

/**
 * Trains by counted words and by all methods that the flags allow, prints a table, and writes
 * `methods.json` and `methods.svg`.
 *
 * @throws {UserError} if the files, the labels or the flags do not fit
 */
export async function compareMethods(
  folder: string,
  flags: FinetuneFlags,
  { given, location }: { given: Given; location: string | undefined },
): Promise<void> {
  const methods: readonly ModelMethod[] = flags.preset ? ["full"] : METHODS;
  const settings = methods.map((method) => classifierSettings(flags, given, method));
  const task = await loadTask(flags);
  const device = await openDevice(deviceOptions(flags));
  print(deviceLines(device));
  using interrupt = new Interrupt();
  const { signal } = interrupt;
  const base = location === undefined ? undefined : modelPlace(location);
  const results = [countWords(task)];
  for (const each of settings) {
    const input = { settings: each, task, base, revision: flags.revision };
    const result = await trained(input, signal);
    if (!result) {
      print("stopped; nothing was written");
      return Deno.exit(interrupt.exitCode);
    }
    results.push(result);
  }
  interrupt[Symbol.dispose]();
  printTable(results);
  await writeReports(folder, [
    ["methods.json", json(results.map(({ predicted: _, ...result }) => result))],
    ...await drawn("methods.svg", async () => {
      const { methodsFigure } = await import("../../lib/plot/mod.ts");
      return methodsFigure(results.map(methodPoint));
    }),
  ]);
  device.close();
}

/** Trains in memory; undefined if the signal has ended it. */
async function trained(
  input: StartInput,
  signal: AbortSignal,
): Promise<MethodResult | undefined> {
  const { settings, task } = input;
  const start = await startClassifier(input);
  for (const line of start.lines) print(line);
  const encoded = await encodeParts(start.tokenizer, task, start.limit);
  const { trainer } = await trainerOf(settings, start, encoded);
  const started = performance.now();
  const best = await bestEpoch(trainer, encoded, { settings, signal });
  if (signal.aborted) return undefined;
  const seconds = (performance.now() - started) / 1000;
  start.adapter?.detach();
  const method = settings.preset ?? settings.method;
  return { method, trained: trainedCount(trainer), seconds, ...best };
}

/** Trains, and measures the best epoch; the last one if there is nothing to choose by. */
async function bestEpoch(
  trainer: ClassifierTrainer,
  encoded: EncodedParts,
  { settings, signal }: { settings: ClassifierSettings; signal: AbortSignal },
): Promise<Omit<MeasuredEpoch, "step">> {
  const { test } = encoded;
  const onTest = async () =>
    test.length > 0 ? await measureClassifier(trainer.classifier, test) : undefined;
  const perEpoch = Math.ceil(encoded.train.length / settings.batch);
  const { steps = perEpoch * settings.epochs } = settings;
  const epochs = roundedEpoch(steps / perEpoch);
  let best: Omit<MeasuredEpoch, "step"> | undefined;
  const loop = classifierLoop(trainer, { ...loopSettings(settings, encoded), signal });
  for await (const event of loop) {
    if (event.kind !== "validation") continue;
    const { report: validation, predicted: chosen } = event;
    const epoch = roundedEpoch(event.epoch);
    const isBest = validation.accuracy >= (best?.validation?.accuracy ?? 0);
    print(
      `epoch ${epoch}/${epochs}  validation accuracy ${validation.accuracy.toFixed(4)}` +
        (isBest ? " (best)" : ""),
    );
    if (!isBest) continue;
    const measure = await onTest();
    const predicted = [...measure?.predicted ?? chosen];
    best = { epoch, validation, test: measure?.report, predicted };
  }
  if (best || signal.aborted) return best ?? { epoch: 0, predicted: [] };
  const measure = await onTest();
  return {
    epoch: epochs,
    test: measure?.report,
    predicted: [...measure?.predicted ?? []],
  };
}

function printTable(results: readonly MethodResult[]): void {
  const part = shownPart(results[0])?.part ?? "test";
  print(`\n| method | trained | ${part} accuracy | macro F1 | seconds |`);
  print("| --- | ---: | ---: | ---: | ---: |");
  for (const result of results) {
    const { accuracy, macroF1 } = shownPart(result)!.report;
    const { method, trained, seconds } = result;
    print(
      `| ${method} | ${formatCount(trained)} | ${accuracy.toFixed(4)} | ${macroF1.toFixed(4)} | ` +
        `${seconds.toFixed(1)} |`,
    );
  }
  const { texts, accuracy } = shownPart(results[0])!.report;
  const error = 100 * standardError(accuracy, texts);
  print(
    `\n${texts} texts: the standard error of an accuracy is about ${error.toFixed(1)} points; ` +
      "smaller differences mean nothing",
  );
}

/** √(p·(1 − p) / n). */
function standardError(accuracy: number, texts: number): number {
  return Math.sqrt(accuracy * (1 - accuracy) / texts);
}

/** A method in the figure. */
function methodPoint(result: MethodResult): MethodPoint {
  const { method: label, trained, seconds } = result;
  const { accuracy, texts } = shownPart(result)!.report;
  return { label, trained, seconds, accuracy, error: standardError(accuracy, texts) };
}
