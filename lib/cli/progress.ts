/**
 * Progress of a training run and of a download: a bar redrawn in place on a terminal, plain lines
 * elsewhere. The caller passes the figures; only the time left is measured here.
 *
 * @module
 */

import { formatBytes, formatCount, formatDuration, formatLoss, formatRate } from "./numbers.ts";
import { type Output, printable, stderr, stdout, withoutControls } from "./output.ts";
import { fit, StatusLine } from "./status_line.ts";

/** Destination and clock of a progress display. */
export interface ProgressOptions {
  /** Destination. Default: standard output for training, standard error for downloads. */
  output?: Output;
  /** Milliseconds since any fixed moment. Default: `performance.now`. */
  now?: () => number;
}

/** Figures of a run at a step; the bar keeps showing the last value of absent ones. */
export interface TrainingFigures {
  /** Steps done. */
  step: number;
  /** Training loss in nats per token. */
  loss?: number;
  /** Loss on held-out text in nats per token. */
  validationLoss?: number;
  /** Whether that is the lowest one so far. */
  isBest?: boolean;
  /** Training speed. */
  tokensPerSecond?: number;
}

/**
 * Shows the progress of training, with losses (the current, the lowest and the highest), speed and
 * time left.
 *
 * On a terminal the bar follows {@linkcode advance} and {@linkcode report}; elsewhere each report
 * is one line.
 *
 * ```ts
 * const progress = new TrainingProgress(200);
 * for (let step = 1; step <= 200; step++) {
 *   progress.advance(step);
 *   if (step % 100 === 0) progress.report({ step, loss: 4 / step, tokensPerSecond: 84e3 });
 * }
 * progress.finish();
 * ```
 */
export class TrainingProgress {
  readonly #steps: number;
  readonly #firstStep: number;
  readonly #line: StatusLine;
  readonly #start: number;
  #latest: TrainingFigures;
  /** Number, minimum and maximum of the losses reported so far. */
  readonly #losses = { count: 0, min: Infinity, max: -Infinity };

  /** `steps` counts the whole run; a resumed run passes the steps done before as `firstStep`. */
  constructor(steps: number, options: ProgressOptions & { firstStep?: number } = {}) {
    const { output = stdout, now = () => performance.now(), firstStep = 0 } = options;
    this.#steps = steps;
    this.#firstStep = firstStep;
    this.#line = new StatusLine(output, now);
    this.#start = now();
    this.#latest = { step: firstStep };
  }

  /** Moves the bar; cheap enough for every step. */
  advance(step: number): void {
    this.#latest.step = step;
    if (this.#line.output.isTerminal && this.#line.isDue) this.#draw();
  }

  /** Shows new figures. */
  report(figures: TrainingFigures): void {
    this.#latest = { ...this.#latest, ...figures };
    if (figures.loss !== undefined) this.#count(figures.loss);
    if (!this.#line.output.isTerminal) return this.note(this.#parts(figures).join("  "));
    if (this.#line.isDue) this.#draw();
  }

  /** Prints a permanent line, such as a sample, on a terminal above the bar. */
  note(line: string): void {
    this.#line.above(printable(line, this.#line.output));
  }

  /** Ends the bar with the last figures. */
  finish(): void {
    if (!this.#line.output.isTerminal) return;
    this.#draw();
    this.#line.finish();
  }

  /**
   * Seconds to go after `step` at the speed so far; undefined while the speed is unknown, and at
   * the end.
   */
  secondsLeft(step: number): number | undefined {
    const done = step - this.#firstStep;
    if (done <= 0 || step >= this.#steps) return undefined;
    const elapsed = (this.#line.now() - this.#start) / 1000;
    return elapsed / done * (this.#steps - step);
  }

  #count(loss: number): void {
    this.#losses.count++;
    this.#losses.min = Math.min(this.#losses.min, loss);
    this.#losses.max = Math.max(this.#losses.max, loss);
  }

  #draw(): void {
    const { step } = this.#latest;
    const parts = this.#parts(this.#latest);
    this.#line.draw(fit(parts, step / this.#steps, this.#line.output.columns));
  }

  #parts({ step, loss, validationLoss, isBest, tokensPerSecond }: TrainingFigures): string[] {
    const width = String(this.#steps).length;
    const parts = [`step ${String(step).padStart(width)}/${this.#steps}`];
    if (loss !== undefined) parts.push(`loss ${formatLoss(loss)}`);
    if (validationLoss !== undefined) {
      parts.push(`validation ${formatLoss(validationLoss)}${isBest ? " (best)" : ""}`);
    }
    if (tokensPerSecond !== undefined) parts.push(`${formatRate(tokensPerSecond)} tokens/s`);
    const left = this.secondsLeft(step);
    if (left !== undefined) parts.push(`${formatDuration(left)} left`);
    const { count, min, max } = this.#losses;
    if (loss !== undefined && count > 1) {
      parts.push(`lowest ${formatLoss(min)}`, `highest ${formatLoss(max)}`);
    }
    return parts;
  }
}

/**
 * Shows the progress of a download: a bar on a terminal, otherwise one line at the start and one at
 * the end.
 *
 * ```ts
 * const progress = new DownloadProgress("tiny-shakespeare", 1_115_394);
 * progress.update(500_000);
 * progress.finish();
 * ```
 */
export class DownloadProgress {
  readonly #name: string;
  readonly #totalBytes: number | undefined;
  readonly #line: StatusLine;
  readonly #start: number;
  #bytes = 0;

  /** `totalBytes` is undefined if the server does not report it. */
  constructor(name: string, totalBytes: number | undefined, options: ProgressOptions = {}) {
    const { output = stderr, now = () => performance.now() } = options;
    this.#name = withoutControls(name);
    this.#totalBytes = totalBytes;
    this.#line = new StatusLine(output, now);
    this.#start = now();
    const size = totalBytes === undefined ? "" : ` (${formatBytes(totalBytes)})`;
    if (!output.isTerminal) this.#line.above(`fetching ${this.#name}${size}`);
  }

  /** Sets the number of bytes received so far. */
  update(bytes: number): void {
    this.#bytes = bytes;
    if (this.#line.output.isTerminal && this.#line.isDue) this.#draw();
  }

  /** Ends the bar with the total. */
  finish(): void {
    const seconds = (this.#line.now() - this.#start) / 1000;
    const total = `${formatCount(this.#bytes)} bytes in ${formatDuration(seconds)}`;
    const line = `fetched ${this.#name}: ${total}`;
    const { isTerminal, columns } = this.#line.output;
    if (isTerminal) this.#line.finish(fit([line], undefined, columns));
    else this.#line.above(line);
  }

  #draw(): void {
    const total = this.#totalBytes;
    const seconds = (this.#line.now() - this.#start) / 1000;
    const size = total === undefined
      ? formatBytes(this.#bytes)
      : `${formatBytes(this.#bytes)} of ${formatBytes(total)}`;
    const parts = [this.#name, size];
    if (seconds > 0) parts.push(`${formatBytes(this.#bytes / seconds)}/s`);
    this.#line.draw(fit(parts, total && this.#bytes / total, this.#line.output.columns));
  }
}

/** A local file is usually read within this many milliseconds, and needs no bar. */
const PATIENCE = 200;

/**
 * Calls `load` with a callback for its progress, and shows the progress of a load that takes
 * longer than a local file.
 *
 * ```ts
 * const text = await withDownloadProgress("a text", async (onProgress) => {
 *   onProgress({ loaded: 5, total: 5 });
 *   return "to be";
 * });
 * console.assert(text === "to be");
 * ```
 */
export async function withDownloadProgress<Result>(
  name: string,
  load: (onProgress: (progress: { loaded: number; total?: number }) => void) => Promise<Result>,
): Promise<Result> {
  const start = performance.now();
  let shown: DownloadProgress | undefined;
  const result = await load(({ loaded, total }) => {
    if (performance.now() - start < PATIENCE) return;
    shown ??= new DownloadProgress(name, total);
    shown.update(loaded);
  });
  shown?.finish();
  return result;
}
