/**
 * The text of a corpus from its bytes, with the checks that every source must pass.
 *
 * @module
 */

import { UserError } from "../errors.ts";

/** The maximum size of a corpus in bytes: its text must fit into one JavaScript string. */
export const MAXIMUM_CORPUS_BYTES = 500_000_000;

/** The SHA-256 of bytes, in lower-case hexadecimal. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The text of bytes in UTF-8, without a byte-order mark. `what`, such as "corpus notes.txt", names
 * them in errors.
 *
 * @throws {UserError} if they are not UTF-8, or only white space
 */
export function textOf(bytes: Uint8Array<ArrayBuffer>, what: string): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new UserError(
      `${what}: expected text in UTF-8, got another byte sequence at byte ${
        invalidOffset(bytes)
      }; ` +
        "convert the file to UTF-8 first",
    );
  }
  if (text.trim() === "") {
    throw new UserError(`${what}: expected text, got ${describeEmpty(bytes.length)}`);
  }
  return text;
}

function describeEmpty(bytes: number): string {
  return bytes === 0 ? "nothing: it is empty" : `${bytes} bytes of white space only`;
}

/** How many bytes can be decoded: the longest prefix of valid UTF-8, found by halving. */
function invalidOffset(bytes: Uint8Array<ArrayBuffer>): number {
  let valid = 0;
  let invalid = bytes.length + 1;
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >> 1;
    if (decodes(bytes.subarray(0, middle))) valid = middle;
    else invalid = middle;
  }
  return valid;
}

function decodes(prefix: Uint8Array<ArrayBuffer>): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(prefix, { stream: true });
    return true;
  } catch {
    return false;
  }
}
