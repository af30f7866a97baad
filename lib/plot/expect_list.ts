/**
 * Checks that a figure's data are a list.
 *
 * @module
 */

import { describe } from "../errors.ts";

/**
 * Checks that a value is an array; `what` names its items, such as "tokens".
 *
 * @throws {TypeError} if it is anything else
 */
export function expectList(figure: string, what: string, value: unknown): void {
  if (Array.isArray(value)) return;
  throw new TypeError(`${figure}: expected a list of ${what}, got ${describe(value)}`);
}
