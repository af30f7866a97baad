/**
 * A run's `metrics.jsonl`: one JSON object a line, appended while it trains.
 *
 * @module
 */
import { attempt, writeFileAtomically } from "../files.ts";
import { readRegularText } from "../regular_file.ts";

/** A line about training, or about the loss on held-out text. */
export type Metrics =
  | {
    /** Updates done. */
    readonly step: number;
    /** In nats a token. */
    readonly loss: number;
    /** Mean over the updates since the last line of this kind. */
    readonly meanLoss?: number;
    readonly learningRate: number;
    /** Before the clip. */
    readonly gradientNorm: number;
    /** Without evaluation and sampling. */
    readonly tokensPerSecond: number;
    readonly elapsedSeconds: number;
  }
  | { readonly step: number; readonly validationLoss: number };

/** Appends metrics to a file. */
export class MetricsLog {
  readonly #encoder = new TextEncoder();

  private constructor(readonly path: string, readonly lines: Metrics[]) {}

  /**
   * Opens the file of a run that has done `step` updates: lines of later steps, and what a kill
   * left of a last one, are dropped, because a resumed run writes them again.
   */
  static async open(path: string, step: number): Promise<MetricsLog> {
    const text = await readRegularText(path).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    });
    const kept = text.split("\n").flatMap(parseLine).filter((line) => line.step <= step);
    const log = new MetricsLog(path, kept);
    const content = kept.map((line) => JSON.stringify(line) + "\n").join("");
    if (content !== text) await writeFileAtomically(path, [log.#encoder.encode(content)]);
    return log;
  }

  /** Adds a line. */
  async append(metrics: Metrics): Promise<void> {
    this.lines.push(metrics);
    const line = JSON.stringify(metrics) + "\n";
    await attempt(
      `write ${this.path}`,
      () => Deno.writeTextFile(this.path, line, { append: true }),
    );
  }
}

function parseLine(line: string): Metrics[] {
  try {
    const value = JSON.parse(line);
    return Number.isSafeInteger(value?.step) ? [value] : [];
  } catch {
    return [];
  }
}
