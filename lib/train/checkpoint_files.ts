/**
 * Files that are whole or not there: written under a temporary name, flushed to the disk, then
 * renamed. Several files that must belong together are checkpoint_folder.ts's; what stands in them
 * is the callers'.
 *
 * A temporary file is called `.NAME.<12 hex digits>.tmp`, stands in the folder of the file it will
 * become, and is locked for as long as its writer lives, so that what a killed writer left can be
 * told from what a live one is writing.
 *
 * @module
 */
import { UserError } from "../errors.ts";

/** The content of a file, in pieces that are written one after the other. */
export type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

const TEMPORARY = /^\..+\.[0-9a-f]{12}\.tmp$/;

const ADVICE: Record<string, string> = {
  ENOSPC: "free some space or name another folder",
  EDQUOT: "free some space or name another folder",
  EROFS: "name a folder that can be written",
  EACCES: "name a folder that you may write",
  EPERM: "name a folder that you may write",
  ENOENT: "the folder is not there; make it first",
};

/**
 * Replaces the file at `path`, or makes it: whoever opens it, now or after a crash at any moment,
 * sees all of the old content or all of the new.
 *
 * @throws {UserError} naming the path and the reason where the system refuses (full disk, read-only
 * folder, no permission); the old file is as it was and the temporary file is gone. An error from
 * `chunks` itself passes through unchanged, with the same guarantee.
 *
 * @example
 * ```ts
 * const path = `${await Deno.makeTempDir()}/run.json`;
 * await writeFileAtomically(path, [new TextEncoder().encode('{"step":7}')]);
 * console.log(await Deno.readTextFile(path)); // {"step":7}
 * ```
 */
export async function writeFileAtomically(path: string, chunks: Chunks): Promise<void> {
  const { folder, name } = splitPath(path);
  const temporary = `${folder}/.${name}.${crypto.randomUUID().slice(-12)}.tmp`;
  using file = await attempt(
    `writing ${path}`,
    () => Deno.open(temporary, { write: true, createNew: true }),
  );
  try {
    await file.tryLock(true).catch(() => false); // some network file systems have no locks
    await writeDurably(file, chunks, path);
    await attempt(`writing ${path}`, () => Deno.rename(temporary, path));
  } catch (error) {
    await Deno.remove(temporary).catch(() => {}); // the first error is the one to report
    throw error;
  }
  await syncFolder(folder);
}

/**
 * Writes the chunks to an open file and waits until they are on the disk.
 *
 * @param path what to call the file in errors
 * @throws {UserError} naming the path and the reason where the system refuses
 */
export async function writeDurably(file: Deno.FsFile, chunks: Chunks, path: string): Promise<void> {
  for await (const chunk of chunks) {
    await attempt(`writing ${path}`, async () => {
      for (let written = 0; written < chunk.length;) {
        written += await file.write(chunk.subarray(written));
      }
    });
  }
  await attempt(`writing ${path}`, () => file.sync());
}

/**
 * Waits until the folder's own entries (renames, new files) are on the disk, where the system can:
 * Windows has no such call and needs none.
 */
export async function syncFolder(folder: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using handle = await Deno.open(folder);
  await handle.sync().catch(() => {}); // refused by some network file systems
}

/**
 * Removes the temporary files in a folder whose writer is dead: those that nobody has locked.
 *
 * @returns the names that were removed
 */
export async function removeStaleTemporaries(folder: string): Promise<string[]> {
  const removed: string[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (!isFile || !TEMPORARY.test(name)) continue;
    if (await removeUnlocked(`${folder}/${name}`)) removed.push(name);
  }
  return removed;
}

async function removeUnlocked(path: string): Promise<boolean> {
  try {
    using file = await Deno.open(path, { write: true });
    if (!await file.tryLock(true).catch(() => false)) return false;
    await Deno.remove(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false; // its writer has just renamed it
    throw error;
  }
}

/**
 * Runs a file operation and turns a refusal of the system into the user's error: `action`, the
 * reason, and what to do about it.
 *
 * @throws {UserError} where the operation throws
 */
export async function attempt<T>(action: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (cause) {
    const { message, code } = cause as Error & { code?: string };
    const advice = code && ADVICE[code];
    throw new UserError(`${action}: ${message}${advice ? `; ${advice}` : ""}`, { cause });
  }
}

function splitPath(path: string): { folder: string; name: string } {
  const slashed = Deno.build.os === "windows" ? path.replaceAll("\\", "/") : path;
  const slash = slashed.lastIndexOf("/");
  return {
    folder: slash < 0 ? "." : slashed.slice(0, slash) || "/",
    name: slashed.slice(slash + 1),
  };
}
