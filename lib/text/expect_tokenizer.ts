/**
 * Checks that an argument is a tokenizer.
 *
 * @module
 */

import { describe } from "../errors.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** What to do with a value that is often given instead of a tokenizer. */
function advice(value: unknown): string {
  if (value === undefined) {
    return "; loadPretrained returns none if there is no tokenizer beside the weights: load one " +
      "with loadTokenizer(place)";
  }
  return typeof value === "string" ? "; load it with await loadTokenizer(place)" : "";
}

/**
 * Checks that a value is a tokenizer: that it encodes texts.
 *
 * @throws {TypeError} if it is anything else, such as a promise or a path
 */
export function expectTokenizer(operation: string, value: unknown): asserts value is Tokenizer {
  if (typeof (value as Tokenizer | undefined)?.encode === "function") return;
  throw new TypeError(
    `${operation}: expected a tokenizer, got ${describe(value)}${advice(value)}`,
  );
}
