/**
 * Shows text that a model wrote: the prompt in one color, the continuation in another. A terminal
 * gets no control characters; a file or a pipe gets every character.
 *
 * @module
 */

import { colored, type Output, printable, stdout } from "./output.ts";

/**
 * Prints a prompt in magenta and its continuation in blue, then resets the color; plain text if the
 * output shows no colors.
 *
 * ```ts
 * printSample("To be, or", " not to be");
 * ```
 */
export function printSample(prompt: string, sample: string, output: Output = stdout): void {
  const printer = new SamplePrinter(prompt, output);
  printer.write(sample);
  printer.finish();
}

/**
 * Prints a sample piece by piece as it is generated, in the colors of {@linkcode printSample}.
 *
 * ```ts
 * const printer = new SamplePrinter("To be, or");
 * for (const piece of [" not", " to", " be"]) printer.write(piece);
 * printer.finish();
 * ```
 */
export class SamplePrinter {
  readonly #output: Output;

  /** Prints the prompt. */
  constructor(prompt: string, output: Output = stdout) {
    this.#output = output;
    this.#print(prompt, "magenta");
  }

  /** Prints the next piece. */
  write(piece: string): void {
    this.#print(piece, "blue");
  }

  /** Ends the line. */
  finish(): void {
    this.#output.write("\n");
  }

  #print(text: string, color: "magenta" | "blue"): void {
    const output = this.#output;
    if (text) output.write(colored(printable(text, output), color, output));
  }
}
