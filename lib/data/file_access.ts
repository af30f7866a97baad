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

/**
 * Writes a file under a temporary name beside it, flushes it to the disk, and renames it: whatever
 * happens, the old file or the new one is there, whole.
 *
 * @throws {UserError} where it cannot be written
 */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  await withFile(`write ${path}`, async () => {
    const temporary = `${path}.${crypto.randomUUID()}.tmp`;
    try {
      using file = await Deno.open(temporary, { write: true, createNew: true });
      for (let written = 0; written < bytes.length;) {
        written += await file.write(bytes.subarray(written));
      }
      await file.sync();
      await Deno.rename(temporary, path);
    } catch (error) {
      await Deno.remove(temporary).catch(() => {}); // it may never have been made
      throw error;
    }
  });
}
