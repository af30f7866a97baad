/**
 * Checks token ids on the host, before they are copied to a device: there an id outside the
 * vocabulary would be read as another one, or have a loss of 0.
 *
 * @module
 */
import { describe } from "./errors.ts";

/**
 * Checks that `ids` are whole numbers from 0 to `vocabSize` − 1.
 *
 * ```ts
 * import { expectIds } from "./token_ids.ts";
 * expectIds("generate", [0, 5, 64], 65);
 * ```
 *
 * @param operation Start of the message.
 * @param ignored A number that is accepted, such as the target that a loss ignores.
 * @throws {TypeError} if `ids` is no array of numbers
 * @throws {RangeError} if an id is outside the vocabulary
 */
export function expectIds(
  operation: string,
  ids: ArrayLike<number>,
  vocabSize: number,
  ignored?: number,
): void {
  expectIdList(operation, ids);
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i];
    if (Number.isInteger(id) && (id >= 0 && id < vocabSize || id === ignored)) continue;
    throw new RangeError(
      `${operation}: expected token ids from 0 to ${vocabSize - 1}, got ${describe(id)} at index ` +
        `${i}; use the tokenizer of the model`,
    );
  }
}

/**
 * Checks that `ids` is an array of any kind, whatever its values.
 *
 * @throws {TypeError} if it is anything else
 */
export function expectIdList(operation: string, ids: ArrayLike<number>): void {
  if (typeof ids === "object" && typeof ids?.length === "number") return;
  const advice = typeof ids === "string" ? "; encode it with a tokenizer" : "";
  throw new TypeError(`${operation}: expected token ids, got ${describe(ids)}${advice}`);
}
