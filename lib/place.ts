/**
 * Places: the first argument of `load…`, `save…` and `prepare…`, from which they read or to which
 * they write. It is checked at run time, because `deno run` checks no types.
 *
 * See lib/hub for the files of a model at a place, files.ts for writing.
 *
 * @module
 */
import { describe } from "./errors.ts";

/**
 * Checks that a value can be a place to read from.
 *
 * `what` names the accepted places; default "a path or an address".
 *
 * @throws {TypeError} if it is neither a string nor a URL
 */
export function expectPlace(
  operation: string,
  place: unknown,
  what = "a path or an address",
): asserts place is string | URL {
  if (place instanceof URL || typeof place === "string") return;
  throw new TypeError(`${operation}: expected ${what}, got ${describe(place)}`);
}

/**
 * The path of a place on this machine, a path or a `file:` address, without a slash at its end.
 *
 * ```ts
 * console.log(localPath("save", "runs/baby/")); // runs/baby
 * console.log(localPath("save", new URL("file:///tmp/a%20b"))); // /tmp/a b
 * ```
 *
 * @throws {TypeError} if it is anything else
 */
export function localPath(operation: string, place: unknown): string {
  const address = place instanceof URL ? place : addressOf(place);
  if (address?.protocol === "file:") return withoutSlash(filePath(address));
  if (typeof place === "string" && place !== "" && !address) return withoutSlash(place);
  throw new TypeError(
    `${operation}: expected a path or a file: address first, got ${describe(place)}`,
  );
}

/** The local path of a `file:` address. */
export function filePath({ pathname }: URL): string {
  const path = decodeURIComponent(pathname);
  return /^\/[A-Za-z]:\//.test(path) ? path.slice(1) : path; // a Windows drive
}

/** The address that a string spells; undefined if it is a path, such as `C:/runs` or `runs:1`. */
function addressOf(place: unknown): URL | undefined {
  const isAddress = typeof place === "string" && /^(file:|[a-z][a-z0-9+.-]+:\/\/)/i.test(place);
  return isAddress && URL.canParse(place) ? new URL(place) : undefined;
}

function withoutSlash(path: string): string {
  return path.replace(/(?<=.)[/\\]+$/, "");
}
