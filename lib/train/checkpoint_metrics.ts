/**
 * A run's `metrics.jsonl`: one JSON object per line, appended during training. See loop.ts for the
 * figures and lib/plot for reading the file.
 *
 * @module
 */
import { attempt, writeFileAtomically } from "../files.ts";
import { isMissing, readRegularText } from "../regular_file.ts";

/** A line about training, or about the loss on held-out text. */
export type Metrics =
  | {
    /** Updates done. */
    readonly step: number;
    /** Training loss of the last update, in nats per token. */
    readonly loss: number;
    /** Mean over the updates since the last line of this kind. */
    readonly meanLoss?: number;
    /** Learning rate of that update. */
    readonly learningRate: number;
    /** Norm of all gradients before clipping. */
    readonly gradientNorm: number;
    /** Training speed, without evaluation and sampling. */
    readonly tokensPerSecond: number;
    /** Seconds since the start of the run, without the time between stop and resume. */
    readonly elapsedSeconds: number;
    /** The fraction of the time spent in MPI; absent if one process trains. */
    readonly communicationShare?: number;
  }
  | {
    /** Updates done. */
    readonly step: number;
    /** Loss on held-out text, in nats per token. */
    readonly validationLoss: number;
    /** Of a classifier: the share of held-out texts that are classified right. */
    readonly validationAccuracy?: number;
  };

/** Appends metrics to a file. */
export class MetricsLog {
  readonly #encoder = new TextEncoder();

  private constructor(readonly path: string, readonly lines: Metrics[]) {}

  /**
   * Opens the file of a run that has done `step` updates. Lines of later steps, and a last line cut
   * off by a kill, are dropped, because a resumed run writes them again.
   */
  static async open(path: string, step: number): Promise<MetricsLog> {
    const text = await readRegularText(path).catch((error) => {
      if (isMissing(error)) return "";
      throw error;
    });
    const kept = text.split("\n").flatMap(parseLine).filter((line) => line.step <= step);
    const log = new MetricsLog(path, kept);
    const content = kept.map((line) => JSON.stringify(line) + "\n").join("");
    if (content !== text) await writeFileAtomically(path, [log.#encoder.encode(content)]);
    return log;
  }

  /** Appends one line to the file and to `lines`. */
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
