/**
 * Reads regular files only. Opening a named pipe waits for its writer, and a device may never end,
 * so these are refused, whatever their names.
 *
 * See files.ts for writing, data/corpus_files.ts for pipes and standard input.
 *
 * @module
 */
import { UserError } from "./errors.ts";
import { expectDeno } from "./runtime.ts";

/**
 * Checks that a path is a regular file, or a link to one, and returns its size and other facts.
 *
 * @throws {UserError} naming the path and what it is, if it is anything else; outside Deno
 * @throws the system's error if there is nothing at the path
 */
export function expectRegularFile(path: string | URL): Deno.FileInfo {
  expectDeno(`read ${path}`);
  const info = Deno.statSync(path);
  if (info.isFile) return info;
  throw new UserError(`reading ${path}: expected a file, got ${kindOf(info)}`);
}

/**
 * The bytes of a regular file, at most `limit`.
 *
 * @throws {UserError} naming the path and what it is, if it is anything else
 * @throws {SyntaxError} if it is larger
 * @throws the system's error if it cannot be read
 */
export async function readRegularFile(
  path: string | URL,
  limit = Infinity,
): Promise<Uint8Array<ArrayBuffer>> {
  const { size } = expectRegularFile(path);
  if (size > limit) throw new SyntaxError(`${path}: expected at most ${limit} bytes, got ${size}`);
  return await Deno.readFile(path);
}

/** The text of a regular file; errors are those of `readRegularFile`. */
export async function readRegularText(path: string | URL): Promise<string> {
  expectRegularFile(path);
  return await Deno.readTextFile(path);
}

/** Whether an error is the system's for a path at which there is nothing. */
export function isMissing(error: unknown): error is Error {
  return typeof Deno !== "undefined" && error instanceof Deno.errors.NotFound;
}

function kindOf(info: Deno.FileInfo): string {
  if (info.isDirectory) return "a folder";
  if (info.isFifo) return "a named pipe";
  return info.isSocket ? "a socket" : "a device";
}
