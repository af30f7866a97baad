/**
 * Runs a script's main function: reads its arguments, shows help, and turns errors into one line
 * and an exit code.
 *
 * Exit codes: 0 done, 1 a bug (its stack is shown), 2 a user's mistake, 141 the reader of the
 * output has closed it; 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP.
 *
 * @module
 */

import { UserError } from "../errors.ts";
import type { Command, Flags } from "./flags.ts";
import { colored, type Output, printable, stderr, stdout } from "./output.ts";
import { parseArguments, type Parsed } from "./parse.ts";

export { UserError };

/** The script's interface to its process. Tests pass their own. */
export interface Host {
  /** Command-line arguments. */
  readonly args: readonly string[];
  /** Destination of results. */
  readonly stdout: Output;
  /** Destination of errors. */
  readonly stderr: Output;
  /** Ends the process. */
  exit(code: number): void;
}

const thisProcess: Host = { args: Deno.args, stdout, stderr, exit: Deno.exit };

/**
 * Reads the command line, calls `main`, and ends the process if anything goes wrong.
 *
 * `--help` prints the help and does not call `main`. A UserError and a failure of the operating
 * system (no such file, no permission, disk full) become one line `error: …` and exit code 2; a
 * pipe closed by its reader becomes a silent exit code 141; every other error is a bug, shown with
 * its stack, exit code 1.
 *
 * ```ts
 * import { integer } from "./flags.ts";
 *
 * const flags = { steps: integer(3, "how often to greet", { min: 1 }) };
 * await runScript({ name: "greet", summary: "Greets.", flags }, ({ flags: { steps } }) => {
 *   for (let step = 0; step < steps; step++) console.log("hello");
 * });
 * ```
 */
export async function runScript<Specification extends Flags>(
  command: Command<Specification>,
  main: (parsed: Parsed<Specification>) => void | Promise<void>,
  host: Host = thisProcess,
): Promise<void> {
  try {
    const parsed = await parseArguments(command, host.args);
    if (parsed.help) return await showHelp(command, host.stdout);
    await main(parsed);
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return host.exit(141);
    host.exit(report(error, host.stderr));
  }
}

/**
 * Calls `action` on input from the user, and turns the library's errors for a bad shape, value or
 * file (TypeError, RangeError, SyntaxError) into a UserError; everything else passes through.
 *
 * Wrap only the call that checks the user's input: a bug inside would look like a mistake of the
 * user.
 *
 * ```ts
 * const config = await userInput(() => JSON.parse('{ "layers": 4 }'));
 * console.assert(config.layers === 4);
 * ```
 */
export async function userInput<Result>(action: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    const kinds = [TypeError, RangeError, SyntaxError];
    if (!kinds.some((kind) => error instanceof kind)) throw error;
    throw new UserError((error as Error).message, { cause: error });
  }
}

async function showHelp(command: Command, output: Output): Promise<void> {
  const { helpText } = await import("./help.ts");
  output.write(helpText(command, output.columns));
}

/** Writes an error and returns its exit code. */
function report(error: unknown, output: Output): number {
  const prefix = colored("error:", "red", output);
  if (error instanceof UserError || isSystemError(error)) {
    const message = error.message.trim().replace(/\s*\n\s*/g, " ");
    output.write(`${prefix} ${printable(message, output)}\n`);
    return 2;
  }
  const details = error instanceof Error ? error.stack ?? String(error) : String(error);
  output.write(`${prefix} ${printable(details, output)}\n`);
  return 1;
}

/** True for Deno's errors of the operating system and of missing permissions. */
function isSystemError(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const { code } = error as Error & { code?: unknown };
  const hasSystemCode = typeof code === "string" && /^E[A-Z0-9]+$/.test(code);
  return hasSystemCode || error instanceof Deno.errors.NotCapable;
}
