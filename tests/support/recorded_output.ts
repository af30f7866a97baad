/** An Output that keeps what is written to it, for tests of lib/cli. */

import type { Output } from "../../lib/cli/output.ts";

/** Keeps all that is written in `written`. */
export class RecordedOutput implements Output {
  written = "";
  readonly isTerminal: boolean;
  readonly color: boolean;
  readonly columns: number;

  constructor({ isTerminal = false, color = false, columns = 80 } = {}) {
    this.isTerminal = isTerminal;
    this.color = color;
    this.columns = columns;
  }

  write(text: string): void {
    this.written += text;
  }

  /** What a terminal would show at the end: each line after its last carriage return. */
  get screen(): string[] {
    return this.written.split("\n").map((line) => line.split("\r\x1b[K").at(-1)!);
  }
}
