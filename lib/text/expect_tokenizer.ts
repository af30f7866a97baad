/**
 * Checks that an argument is a tokenizer.
 *
 * @module
 */

import { describe } from "../errors.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * Checks that a value is a tokenizer: that it encodes texts.
 *
 * @throws {TypeError} if it is anything else, such as a promise or a path
 */
export function expectTokenizer(operation: string, value: unknown): asserts value is Tokenizer {
  if (typeof (value as Tokenizer | undefined)?.encode === "function") return;
  const isMissing = value === undefined || typeof value === "string";
  const advice = isMissing ? "; load one with await loadTokenizer(place)" : "";
  throw new TypeError(`${operation}: expected a tokenizer, got ${describe(value)}${advice}`);
}
