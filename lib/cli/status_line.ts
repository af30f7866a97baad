/**
 * One line at the foot of a terminal that is redrawn in place, with lasting lines printed above it.
 * What the line says is left to progress.ts.
 *
 * @module
 */

import type { Output } from "./output.ts";

/** Milliseconds between two redraws. */
const REDRAW_INTERVAL = 100;

const CLEAR_LINE = "\r\x1b[K";

/**
 * A line redrawn in place, at most ten times a second. It never wraps, and is only for a terminal.
 */
export class StatusLine {
  #lastDraw = -Infinity;
  #shown = "";

  /** `now` gives milliseconds. */
  constructor(readonly output: Output, readonly now: () => number) {}

  /** True when enough time has passed that {@linkcode draw} should be called. */
  get isDue(): boolean {
    return this.now() - this.#lastDraw >= REDRAW_INTERVAL;
  }

  /** Replaces the line; the caller has kept it within the width. */
  draw(line: string): void {
    this.#lastDraw = this.now();
    this.#shown = line;
    this.output.write(CLEAR_LINE + line);
  }

  /** Prints a lasting line above. */
  above(line: string): void {
    const clear = this.#shown ? CLEAR_LINE : "";
    this.output.write(`${clear}${line}\n${this.#shown}`);
  }

  /** Leaves the line where it is and goes on below it; `last` replaces what it says. */
  finish(last?: string): void {
    if (last !== undefined) this.draw(last);
    if (this.#shown) this.output.write("\n");
    this.#shown = "";
  }
}

/**
 * Joins the parts of a line and fills what is left of the width with a bar; where the width is too
 * small, the bar goes first, then the last parts. One column stays free, since some terminals wrap
 * at the last.
 */
export function fit(parts: string[], fraction: number | undefined, columns: number): string {
  const width = Math.max(1, columns - 1);
  const kept = [...parts];
  while (kept.length > 1 && kept.join("  ").length > width) kept.pop();
  const [head, ...tail] = kept;
  const free = width - kept.join("  ").length - 2;
  if (fraction === undefined || free < 10) return kept.join("  ").slice(0, width);
  return [head, bar(fraction, Math.min(free, 30)), ...tail].join("  ");
}

function bar(fraction: number, width: number): string {
  const filled = Math.round(Math.max(0, Math.min(1, fraction)) * width);
  return "━".repeat(filled) + "─".repeat(width - filled);
}
