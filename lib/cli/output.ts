/**
 * Output of commands: standard output and standard error, the abilities of their terminal, and
 * colors.
 *
 * @module
 */

/** A destination of text. Tests pass their own. */
export interface Output {
  /** True for a terminal, where a line may be redrawn. */
  readonly isTerminal: boolean;
  /** True if colors are shown: on a terminal, unless NO_COLOR is set. */
  readonly color: boolean;
  /** Width in characters; 80 without a terminal. */
  readonly columns: number;
  /** Writes text as it is. */
  write(text: string): void;
}

/** Called once the reader of standard output or standard error has left, if it is set. */
let readerLeft: (() => void) | undefined;

/**
 * Calls `listener` if the reader of standard output or standard error leaves, as `head` does in
 * `command | head`, and drops all text after that. Without this call, writing throws BrokenPipe.
 */
export function whenReaderLeaves(listener: () => void): void {
  readerLeft = listener;
}

/** Standard output. */
export const stdout: Output = standardOutput(Deno.stdout);

/** Standard error. */
export const stderr: Output = standardOutput(Deno.stderr);

/**
 * Writes a line to standard output.
 *
 * @throws {Deno.errors.BrokenPipe} if its reader has closed it
 */
export function print(line = ""): void {
  stdout.write(line + "\n");
}

/** A color of the terminal's own palette. */
export type Color = "red" | "blue" | "magenta";

const COLORS: Record<Color, number> = { red: 31, blue: 34, magenta: 35 };

/** Text in a color if the output shows colors, otherwise as it is. */
export function colored(text: string, color: Color, output: Output): string {
  return output.color ? `\x1b[${COLORS[color]}m${text}\x1b[0m` : text;
}

/**
 * Text of unknown origin, such as a model's, for `output`: unchanged for a file or a pipe, without
 * control characters for a terminal.
 */
export function printable(text: string, output: Output): string {
  return output.isTerminal ? withoutControls(text) : text;
}

/**
 * Text in which control characters other than tab and line feed are replaced by `�`, so that it
 * cannot control a terminal.
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
      try {
        while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
      } catch (error) {
        // A terminal that was closed: nobody reads it, and the work may still be saved.
        if ((error as { code?: string }).code === "EIO") return;
        if (!readerLeft || !(error instanceof Deno.errors.BrokenPipe)) throw error;
        readerLeft();
      }
    },
  };
}

function terminalColumns(): number {
  try {
    // A terminal that does not know its size reports 0.
    return Deno.consoleSize().columns || 80;
  } catch {
    return 80;
  }
}
