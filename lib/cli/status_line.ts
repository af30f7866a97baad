/**
 * One line at the bottom of a terminal that is redrawn in place, with permanent lines printed above
 * it. See progress.ts for its content.
 *
 * @module
 */

import type { Output } from "./output.ts";

/** Milliseconds between two redraws. */
const REDRAW_INTERVAL = 100;

const CLEAR_LINE = "\r\x1b[K";

/**
 * A line redrawn in place, at most ten times per second. It never wraps, and is only for a
 * terminal.
 */
export class StatusLine {
  #lastDraw = -Infinity;
  #shown = "";

  /** `now` returns milliseconds. */
  constructor(readonly output: Output, readonly now: () => number) {}

  /** True if enough time has passed for the next {@linkcode draw}. */
  get isDue(): boolean {
    return this.now() - this.#lastDraw >= REDRAW_INTERVAL;
  }

  /** Replaces the line, which must fit the width. */
  draw(line: string): void {
    this.#lastDraw = this.now();
    this.#shown = line;
    this.output.write(CLEAR_LINE + line);
  }

  /** Prints a permanent line above. */
  above(line: string): void {
    const clear = this.#shown ? CLEAR_LINE : "";
    this.output.write(`${clear}${line}\n${this.#shown}`);
  }

  /** Leaves the line in place and continues below it; `last` replaces its content. */
  finish(last?: string): void {
    if (last !== undefined) this.draw(last);
    if (this.#shown) this.output.write("\n");
    this.#shown = "";
  }
}

/**
 * Joins the parts of a line and fills the rest of the width with a bar; if the width is too small,
 * the bar is dropped first, then the last parts. One column stays free, since some terminals wrap
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
