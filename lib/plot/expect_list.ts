/**
 * Checks that a figure's data are a list of the right items, because `deno run` checks no types and
 * a figure is drawn long after it is made.
 *
 * @module
 */

import { describe } from "../errors.ts";

/**
 * Checks that a value is an array whose items are all accepted; `what` names them, such as
 * "tokens".
 *
 * @throws {TypeError} if it is anything else
 */
export function expectList(
  figure: string,
  what: string,
  value: unknown,
  accepts: (item: unknown) => boolean,
): void {
  const expected = `${figure}: expected a list of ${what}`;
  if (!Array.isArray(value)) throw new TypeError(`${expected}, got ${describe(value)}`);
  const wrong = value.findIndex((item) => !accepts(item));
  if (wrong < 0) return;
  throw new TypeError(`${expected}, got ${describe(value[wrong])} at index ${wrong}`);
}

/** Whether an item is a text. */
export function isText(item: unknown): boolean {
  return typeof item === "string";
}

/** Whether an item is an object that has these fields, each of the type of its example. */
export function hasFields(item: unknown, example: Readonly<Record<string, unknown>>): boolean {
  if (typeof item !== "object" || item === null) return false;
  const fields = item as Record<string, unknown>;
  return Object.keys(example).every((name) => typeof fields[name] === typeof example[name]);
}
