/**
 * What a run in a folder has measured and how it was set, as the events that its live page would
 * have received.
 *
 * @module
 */
import { History } from "../../lib/cli/live/history.ts";
import type { TrainingPoint, ValidationPoint } from "../../lib/cli/live/messages.ts";
import { UserError, userInput } from "../../lib/cli/run.ts";
import { parseMetrics } from "../../lib/plot/mod.ts";
import type { Source } from "./page/protocol.ts";

/** The part of run.json that the page shows. */
interface RunFile {
  readonly step: number;
  readonly settings: { readonly steps: number } & Readonly<Record<string, unknown>>;
  readonly dataset?: string;
  readonly device?: string;
  readonly versions?: { readonly deno?: string };
}

/**
 * The step of a run's checkpoint, and the run's events; nothing for a folder without a run.
 *
 * @throws {UserError} if run.json or metrics.jsonl is malformed
 */
export async function runHistory(folder: string): Promise<Pick<Source, "step" | "history">> {
  const run = await readRun(folder);
  if (!run) return {};
  const { step } = run;
  const { training, validation, seconds } = await readMetrics(`${folder}/metrics.jsonl`);
  const events: [name: string, data: unknown][] = [["run", factsOf(folder, run)]];
  if (training.length > 0) events.push(["training", training]);
  if (validation.length > 0) events.push(["validation", validation]);
  const ending = step >= run.settings.steps ? "finished" : "unfinished";
  return { step, history: [...events, ["progress", { step }], ["end", { ending, seconds }]] };
}

/**
 * A run's run.json; that of a checkpoint that is complete, but not in its place yet, counts.
 *
 * @throws {UserError} if it is malformed
 */
export async function readRun(folder: string): Promise<RunFile | undefined> {
  for (const path of [`${folder}/.checkpoint/run.json`, `${folder}/run.json`]) {
    const text = await Deno.readTextFile(path).catch(() => undefined);
    const run = text === undefined ? undefined : parseRun(text, path);
    if (Number.isSafeInteger(run?.step) && run.settings?.steps > 0) return run;
  }
  return undefined;
}

function parseRun(text: string, path: string) {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UserError(`${path}: ${(cause as Error).message}`, { cause });
  }
}

function factsOf(folder: string, { settings, dataset, device, versions }: RunFile) {
  return {
    folder: nameOf(folder),
    steps: settings.steps,
    firstStep: 0,
    layers: 1,
    heads: 0,
    tokens: [],
    lines: [device, dataset && `corpus ${nameOf(dataset)}`, versions && `Deno ${versions.deno}`]
      .filter((line) => line),
    settings,
  };
}

/** The last part of a path, without the user's folders. */
function nameOf(path: string): string {
  return path.split(/[/\\]/).findLast((name) => name !== "") ?? path;
}

async function readMetrics(path: string) {
  const text = await Deno.readTextFile(path).catch(() => "");
  const metrics = await userInput(() => parseMetrics(text, path));
  const [training, validation] = [new History<TrainingPoint>(), new History<ValidationPoint>()];
  for (
    const { step, loss, batchLoss, learningRate = NaN, tokensPerSecond = NaN } of metrics.train
  ) {
    training.add([step, loss, learningRate, tokensPerSecond, batchLoss]);
  }
  for (const { step, loss } of metrics.validation) validation.add([step, loss]);
  const seconds = metrics.train.at(-1)?.elapsedSeconds;
  return { training: training.after(-1), validation: validation.after(-1), seconds };
}
