/**
 * The one error class of Folio's own: a mistake of the user, as distinct from a bug. Everything
 * else throws TypeError (shape, dtype), RangeError (a value) or SyntaxError (a malformed file).
 *
 * @module
 */

/**
 * A mistake of the user that a script reports in one line, without a stack trace, ending with exit
 * code 2.
 *
 * The message says what was attempted, what was expected, what came, and what to do.
 *
 * @example
 * ```ts
 * const error = new UserError("corpus notes.txt: no such file; give a path, a URL or a corpus name");
 * console.assert(error instanceof Error && error.name === "UserError");
 * ```
 */
export class UserError extends Error {
  /** Always `"UserError"`, so that the class survives being passed between workers. */
  override readonly name = "UserError";
}
