/**
 * What a run in a folder has measured and how it was set, as the events that its live page would
 * have received.
 *
 * @module
 */
import { History } from "../../lib/cli/live/history.ts";
import type { TrainingPoint, ValidationPoint } from "../../lib/cli/live/messages.ts";
import type { Metrics } from "../../mod.ts";
import type { Source } from "./page/protocol.ts";

/** The part of run.json that the page shows. */
interface RunFile {
  readonly step: number;
  readonly settings: { readonly steps: number } & Readonly<Record<string, unknown>>;
  readonly dataset?: string;
  readonly device?: string;
  readonly versions?: { readonly deno?: string };
}

/** The step of a run's checkpoint, and the run's events; nothing for a folder without a run. */
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

/** A run's run.json; that of a checkpoint that is complete, but not in its place yet, counts. */
export async function readRun(folder: string): Promise<RunFile | undefined> {
  for (const path of [`${folder}/.checkpoint/run.json`, `${folder}/run.json`]) {
    const text = await Deno.readTextFile(path).catch(() => undefined);
    const run = text === undefined ? undefined : JSON.parse(text);
    if (Number.isSafeInteger(run?.step) && run.settings?.steps > 0) return run;
  }
  return undefined;
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
  const [training, validation] = [new History<TrainingPoint>(), new History<ValidationPoint>()];
  let seconds: number | undefined;
  for (const line of text.split("\n").flatMap(parseLine)) {
    if ("validationLoss" in line) {
      validation.add([line.step, line.validationLoss]);
    } else {
      const { step, loss, meanLoss = loss, learningRate, tokensPerSecond } = line;
      training.add([step, meanLoss, learningRate, tokensPerSecond, loss]);
      seconds = line.elapsedSeconds;
    }
  }
  return { training: training.after(-1), validation: validation.after(-1), seconds };
}

/** The last line may be cut off: the run may be writing it, or was killed as it did. */
function parseLine(line: string): Metrics[] {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}
