/**
 * Files as the rest of lib/data/ needs them: errors that a user understands, and writing that leaves
 * either the old file or the new one.
 *
 * @module
 */

import { UserError } from "../errors.ts";

const REASONS: Readonly<Record<string, string>> = {
  NotFound: "no such file or folder",
  IsADirectory: "it is a folder",
  NotADirectory: "a part of the path is no folder",
  AlreadyExists: "there is a file of that name",
  PermissionDenied: "the system does not permit it",
};

/**
 * Does something with a file; what the system refuses becomes the user's mistake.
 *
 * @param attempted what is done, for the error: "read train.bin"
 * @throws {UserError} where the system, or Deno's permissions, do not allow it
 */
export async function withFile<Result>(
  attempted: string,
  action: () => Promise<Result>,
): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof UserError || !isSystemError(error)) throw error;
    const reason = REASONS[error.name] ?? error.message;
    throw new UserError(`cannot ${attempted}: ${reason}`, { cause: error });
  }
}

/** Whether the operating system, or Deno for want of a permission, refused. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error &&
    ("code" in error || error.name in REASONS || error.name === "NotCapable");
}

/** A path and what the file there shall hold. */
export type FileContent = readonly [path: string, bytes: Uint8Array];

/**
 * Writes files that belong together: each under a temporary name beside it and flushed to the disk, and
 * only when all are there they are renamed. A full disk or a killed process leaves the old files, or
 * none, but never half a file.
 *
 * @throws {UserError} where one cannot be written
 */
export async function writeWhole(...files: readonly FileContent[]): Promise<void> {
  const temporaries: string[] = [];
  try {
    for (const [path, bytes] of files) {
      const temporary = `${path}.${crypto.randomUUID()}.tmp`;
      temporaries.push(temporary);
      await withFile(`write ${path}`, () => writeFlushed(temporary, bytes));
    }
    for (const [index, [path]] of files.entries()) {
      await withFile(`write ${path}`, () => Deno.rename(temporaries[index], path));
    }
  } catch (error) {
    for (const temporary of temporaries) await Deno.remove(temporary).catch(() => {}); // or never made
    throw error;
  }
}

async function writeFlushed(path: string, bytes: Uint8Array): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
  for (let written = 0; written < bytes.length;) {
    written += await file.write(bytes.subarray(written));
  }
  await file.sync();
}
