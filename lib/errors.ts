/**
 * `UserError`, Folio's only error class, and the description of a value in messages. Other errors
 * are TypeError (shape, dtype, kind), RangeError (a value) or SyntaxError (a malformed file). See
 * options.ts for unknown options, rules.ts for values.
 *
 * @module
 */

/**
 * A mistake of the user that a script reports in one line, without a stack trace, and ends with
 * exit code 2.
 *
 * The message says what was attempted, what was expected, what was found, and what to do.
 *
 * ```ts
 * const error = new UserError("corpus notes.txt: no such file; name a path, a URL or a corpus");
 * console.assert(error instanceof Error && error.name === "UserError");
 * ```
 */
export class UserError extends Error {
  /** Always `"UserError"`, so that the class survives being passed between workers. */
  override readonly name = "UserError";
}

/** Characters of a string that a message shows. */
const SHOWN = 40;

/**
 * A value in a few words, for messages of the form `expected X, got Y`.
 *
 * ```ts
 * console.assert(describe([1, 2, 3]) === "an array of 3");
 * console.assert(describe(Promise.resolve(1)) === "a promise; await it first");
 * ```
 */
export function describe(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value);
  }
  if (typeof value === "function") return value.name ? `the function ${value.name}` : "a function";
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  const name = value.constructor?.name ?? "Object";
  if (ArrayBuffer.isView(value) && "length" in value) return `${article(name)} of ${value.length}`;
  if ("then" in value && typeof value.then === "function") return "a promise; await it first";
  if (name === "Object") return `an object with ${Object.keys(value).join(", ") || "no keys"}`;
  if (value.toString !== Object.prototype.toString) return `${article(name)} ${value}`;
  return article(name);
}

/** What `JSON.parse` says of a text, in one line: it quotes the text, line ends included. */
export function notJson(error: unknown): string {
  return `not JSON: ${(error as Error).message.replace(/\s+/g, " ")}`;
}

function article(name: string): string {
  return `${/^(?!Uint)[AEIOU]/i.test(name) ? "an" : "a"} ${name}`;
}
