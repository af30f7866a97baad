/**
 * Corpora on this machine: files and standard input.
 *
 * @module
 */

import { UserError } from "../errors.ts";
import { attempt } from "../files.ts";
import type { Progress } from "../progress.ts";
import { expectDeno } from "../runtime.ts";
import { MAXIMUM_CORPUS_BYTES } from "./checked_text.ts";
import { readStream, tooLarge } from "./read_stream.ts";

/** Bytes and their path. */
export interface LocalBytes {
  /** The content. */
  bytes: Uint8Array<ArrayBuffer>;
  /** The absolute path. */
  path: string;
}

/**
 * Reads a file or a named pipe to its end; `what` names it in errors.
 *
 * @throws {UserError} if there is none, it is a folder, too large, or cannot be read
 */
export async function readCorpusFile(
  path: string | URL,
  what: string,
  onProgress?: (progress: Progress) => void,
): Promise<LocalBytes> {
  return await attempt(`read ${what}`, async () => {
    const { isDirectory, isFile, size } = await Deno.stat(path);
    if (isDirectory) {
      throw new UserError(
        `cannot read ${what}: expected a text file, got a folder; \`deno task train\` and ` +
          "loadDocuments read the files of a folder",
      );
    }
    if (size > MAXIMUM_CORPUS_BYTES) throw tooLarge(what, MAXIMUM_CORPUS_BYTES, size);
    const file = await Deno.open(path);
    const bytes = await readStream(file.readable, {
      what,
      limit: MAXIMUM_CORPUS_BYTES,
      total: isFile ? size : undefined,
      onProgress,
    });
    return { bytes, path: await Deno.realPath(path) };
  });
}

/**
 * Reads standard input to its end.
 *
 * @throws {UserError} if it is too large
 */
export async function readStandardInput(
  onProgress?: (progress: Progress) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const what = "standard input";
  expectDeno(`read ${what}`);
  return await readStream(Deno.stdin.readable, { what, limit: MAXIMUM_CORPUS_BYTES, onProgress });
}
