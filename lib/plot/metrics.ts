/**
 * Reads the metrics of a run, one JSON object per line, as series. loss.ts draws them.
 *
 * @module
 */

import { describe } from "../errors.ts";
import type { LossRun } from "./loss.ts";

/** The series of a metrics file, as {@linkcode lossFigure} draws them. */
export interface LossSeries extends Required<Omit<LossRun, "label">> {
  /** Training losses, each with the other figures of its line. */
  readonly train: readonly TrainFigures[];
}

/** A training loss in nats per token, and what else its line says. */
export interface TrainFigures {
  /** Updates done. */
  readonly step: number;
  /** The mean over the steps since the line before, or of this step if the line has none. */
  readonly loss: number;
  /** The loss of this step's batch. */
  readonly batchLoss?: number;
  /** Learning rate of this step. */
  readonly learningRate?: number;
  /** Training speed. */
  readonly tokensPerSecond?: number;
  /** Seconds since the start of the run. */
  readonly elapsedSeconds?: number;
}

/**
 * Reads the content of a `metrics.jsonl`: `{"step", "loss", "learningRate", …}` and
 * `{"step", "validationLoss"}` lines, in nats per token. The training loss of a line is its
 * `meanLoss`, over the steps since the line before, if it has one. `file` is the name in errors;
 * default `metrics.jsonl`.
 *
 * A run that was resumed repeats steps: a repeated step replaces everything after it. A figure may
 * be null, as NaN is written in JSON. An incomplete last line, of a run that is being written, is
 * omitted. Unknown keys are ignored.
 *
 * ```ts
 * const { train } = parseMetrics('{"step":1,"loss":4.2,"learningRate":0.001}\n', "metrics.jsonl");
 * console.assert(train[0].loss === 4.2);
 * ```
 *
 * @throws {SyntaxError} naming the file and the line, if a line is anything else
 * @throws {TypeError} if `text` is no string
 */
export function parseMetrics(text: string, file = "metrics.jsonl"): LossSeries {
  if (typeof text !== "string") {
    throw new TypeError(`parseMetrics: expected a text, got ${describe(text)}`);
  }
  const train: LossSeries["train"][number][] = [];
  const validation: LossSeries["validation"][number][] = [];
  const learningRate: LossSeries["learningRate"][number][] = [];
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const isCut = index === lines.length - 1 && !isJson(line);
    if (isCut) break;
    const { step, figure } = readLine(line, `${file} line ${index + 1}`);
    const [batchLoss, rate] = [figure("loss"), figure("learningRate")];
    const tokensPerSecond = figure("tokensPerSecond");
    const elapsedSeconds = figure("elapsedSeconds");
    const others = { batchLoss, learningRate: rate, tokensPerSecond, elapsedSeconds };
    addPoint(train, step, figure("meanLoss") ?? batchLoss, (loss) => ({ step, loss, ...others }));
    addPoint(validation, step, figure("validationLoss"), (loss) => ({ step, loss }));
    addPoint(learningRate, step, rate, (learningRate) => ({ step, learningRate }));
  }
  return { train, validation, learningRate };
}

/** Adds a point if there is a value, instead of those from its step on. */
function addPoint<Point extends { step: number }>(
  series: Point[],
  step: number,
  value: number | undefined,
  point: (value: number) => Point,
): void {
  if (value === undefined) return;
  while (series.length > 0 && series.at(-1)!.step >= step) series.pop();
  series.push(point(value));
}

/** The step of a line, and its figures by name. */
interface MetricsLine {
  readonly step: number;
  figure(key: string): number | undefined;
}

function readLine(line: string, where: string): MetricsLine {
  if (!isJson(line)) {
    throw new SyntaxError(`${where}: expected a JSON object, got ${excerpt(line)}`);
  }
  const record: unknown = JSON.parse(line);
  if (typeof record !== "object" || record === null || Array.isArray(record)) {
    throw new SyntaxError(`${where}: expected a JSON object, got ${excerpt(line)}`);
  }
  const values = new Map(Object.entries(record));
  const step = values.get("step");
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new SyntaxError(`${where}: expected "step" to be a count, got ${excerpt(step)}`);
  }
  const figure = (key: string) => {
    const value = values.get(key);
    if (value === null) return NaN;
    if (value === undefined || typeof value === "number") return value;
    throw new SyntaxError(`${where}: expected "${key}" to be a number, got ${excerpt(value)}`);
  };
  return { step, figure };
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

/** The first characters of a line, for an error message. */
function excerpt(found: unknown): string {
  const text = typeof found === "string" ? found : JSON.stringify(found) ?? "nothing";
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
