/**
 * Where commands write: standard output and standard error, with what is known of the terminal
 * behind them, and colors. What is written is left to others.
 *
 * @module
 */

/** Something that text is written to. Tests give their own. */
export interface Output {
  /** True for a terminal, where a line may be redrawn. */
  readonly isTerminal: boolean;
  /** True where colors are shown: a terminal, and NO_COLOR is not set. */
  readonly color: boolean;
  /** Width in characters; 80 where there is no terminal. */
  readonly columns: number;
  /** Writes text as it is. */
  write(text: string): void;
}

/** Standard output. */
export const stdout: Output = standardOutput(Deno.stdout);

/** Standard error. */
export const stderr: Output = standardOutput(Deno.stderr);

/** Writes a line to standard output. Throws `Deno.errors.BrokenPipe` when its reader has left. */
export function print(line = ""): void {
  stdout.write(line + "\n");
}

/** A color of the terminal's own palette. */
export type Color = "red" | "blue" | "magenta";

const COLORS: Record<Color, number> = { red: 31, blue: 34, magenta: 35 };

/** Text in a color where the output shows colors, and as it is elsewhere. */
export function colored(text: string, color: Color, output: Output): string {
  return output.color ? `\x1b[${COLORS[color]}m${text}\x1b[0m` : text;
}

/**
 * Text in which control characters other than tab and line feed are replaced by `�`, so that text
 * of unknown origin cannot steer the terminal.
 */
export function withoutControls(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "\ufffd");
}

function standardOutput(stream: typeof Deno.stdout): Output {
  const encoder = new TextEncoder();
  return {
    get isTerminal() {
      return stream.isTerminal();
    },
    get color() {
      return stream.isTerminal() && !Deno.noColor;
    },
    get columns() {
      return stream.isTerminal() ? terminalColumns() : 80;
    },
    write(text) {
      let rest = encoder.encode(text);
      while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
    },
  };
}

function terminalColumns(): number {
  try {
    // A terminal that does not know its size says 0.
    return Deno.consoleSize().columns || 80;
  } catch {
    return 80;
  }
}
