/**
 * Checks that an argument is a text, or a list of tokens.
 *
 * @module
 */

import { describe } from "../errors.ts";

/**
 * Checks that a value is a string.
 *
 * @throws {TypeError} if it is anything else
 */
export function expectText(operation: string, text: unknown): asserts text is string {
  if (typeof text !== "string") {
    throw new TypeError(`${operation}: expected a text, got ${describe(text)}`);
  }
}

/**
 * The tokens of which a constructor numbers the `kind`, such as `characters`.
 *
 * @throws {TypeError} if they are a text, which `fromText` takes, or no list
 */
export function expectTokens(
  tokenizer: string,
  kind: string,
  tokens: unknown,
): Iterable<string> {
  if (typeof tokens === "object" && tokens !== null && Symbol.iterator in tokens) {
    return tokens as Iterable<string>;
  }
  const advice = typeof tokens === "string" ? `; use ${tokenizer}.fromText(text)` : "";
  throw new TypeError(`${tokenizer}: expected a list of ${kind}, got ${describe(tokens)}${advice}`);
}
