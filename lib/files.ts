/**
 * Atomic file writes: a temporary file is written, flushed to the disk and renamed. Errors of the
 * system become messages that a user understands. See train/checkpoint_folder.ts for a folder whose
 * files must belong together after a kill.
 *
 * A temporary file is named `.NAME.<12 hex digits>.tmp` and is in the folder of the final file. It
 * is locked while its writer lives, which distinguishes it from the leftovers of a killed writer.
 *
 * @module
 */
import { UserError } from "./errors.ts";
import { expectDeno } from "./runtime.ts";

/** The content of a file, in chunks that are written sequentially. */
export type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** A file to write: its name in a folder, or its path, and its content. */
export type NamedFile = readonly [name: string, content: Chunks];

/** A value as the content of an indented JSON file. */
export function jsonContent(value: unknown): Chunks {
  return [new TextEncoder().encode(JSON.stringify(value, undefined, 2) + "\n")];
}

const TEMPORARY = /^\..+\.[0-9a-f]{12}\.tmp$/;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is not a folder",
  EEXIST: "there is a file of that name",
  EACCES: "the system does not permit it",
  EPERM: "the system does not permit it",
};

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: "free some space or name another folder",
  EDQUOT: "free some space or name another folder",
  EROFS: "name a folder that can be written",
};

/**
 * Replaces or creates the file at `path`: a reader, now or after a crash at any moment, sees all of
 * the old content or all of the new.
 *
 * ```ts
 * const path = `${await Deno.makeTempDir()}/run.json`;
 * await writeFileAtomically(path, [new TextEncoder().encode('{"step":7}')]);
 * console.log(await Deno.readTextFile(path)); // {"step":7}
 * ```
 *
 * @throws {UserError} naming the path and the reason, if the system refuses (full disk, read-only
 * folder, no permission); the old file is as it was and the temporary file is gone. An error from
 * `chunks` itself passes through unchanged, with the same guarantee.
 */
export async function writeFileAtomically(path: string, chunks: Chunks): Promise<void> {
  await writeFilesAtomically([path, chunks]);
}

/**
 * Writes files that belong together, each as `writeFileAtomically` does, and renames them only when
 * all are on the disk: after an error of the system the old files, if any, are unchanged.
 *
 * @throws {UserError} as `writeFileAtomically`
 */
export async function writeFilesAtomically(...files: readonly NamedFile[]): Promise<void> {
  for (const [path] of files) expectDeno(`write ${path}`);
  const places = files.map(([path]) => ({ path, ...splitPath(path) }));
  const temporaries: string[] = [];
  const open: Deno.FsFile[] = [];
  try {
    for (const [index, [path, chunks]] of files.entries()) {
      const { folder, name } = places[index];
      const temporary = `${folder}/.${name}.${crypto.randomUUID().slice(-12)}.tmp`;
      const options = { write: true, createNew: true };
      const file = await attempt(`write ${path}`, () => Deno.open(temporary, options));
      temporaries.push(temporary);
      open.push(file);
      await file.tryLock(true).catch(() => false); // some network file systems have no locks
      await writeDurably(file, chunks, path);
    }
    for (const [index, { path }] of places.entries()) {
      await attempt(`write ${path}`, () => Deno.rename(temporaries[index], path));
    }
  } catch (error) {
    // A failed removal is ignored: the first error is the one to report.
    for (const temporary of temporaries) await Deno.remove(temporary).catch(() => {});
    throw error;
  } finally {
    for (const file of open) file.close();
  }
  for (const folder of new Set(places.map(({ folder }) => folder))) await syncFolder(folder);
}

/**
 * Makes a folder, and those above it, unless it is there.
 *
 * @throws {UserError} naming the path and the reason, if the system refuses, such as because of a
 * file of that name
 */
export async function makeFolder(path: string): Promise<void> {
  await attempt(`make folder ${path}`, () => Deno.mkdir(path, { recursive: true }));
}

/**
 * Makes the folder that a file at `path` will be in, and those above it, unless it is there.
 *
 * @throws {UserError} as `makeFolder`
 */
export async function makeFolderOf(path: string): Promise<void> {
  const { folder } = splitPath(path);
  if (folder !== ".") await makeFolder(folder);
}

/**
 * Writes the chunks to an open file and waits until they are on the disk; `path` names the file in
 * errors.
 *
 * @throws {UserError} naming the path and the reason, if the system refuses
 */
export async function writeDurably(file: Deno.FsFile, chunks: Chunks, path: string): Promise<void> {
  for await (const chunk of chunks) {
    await attempt(`write ${path}`, async () => {
      for (let written = 0; written < chunk.length;) {
        written += await file.write(chunk.subarray(written));
      }
    });
  }
  await attempt(`write ${path}`, () => file.sync());
}

/**
 * Waits until the folder's entries (renames, new files) are on the disk, on systems with such a
 * call: Windows has none and needs none.
 */
export async function syncFolder(folder: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  const handle = await Deno.open(folder);
  await handle.sync().catch(() => {}); // refused by some network file systems
  handle.close();
}

/**
 * Removes the temporary files in a folder whose writer is dead, those without a lock, and returns
 * their names.
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
  let file: Deno.FsFile | undefined;
  try {
    file = await Deno.open(path, { write: true });
    if (!await file.tryLock(true).catch(() => false)) return false;
    await Deno.remove(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false; // its writer has just renamed it
    throw error;
  } finally {
    file?.close();
  }
}

/**
 * Runs a file operation and turns an error of the system, or a missing permission of Deno, into a
 * UserError: `cannot` and the operation ("read train.bin"), the reason, and what to do about it.
 * Other errors pass through.
 *
 * @throws {UserError} if the system refuses, or this is not Deno
 */
export async function attempt<T>(attempted: string, operation: () => Promise<T>): Promise<T> {
  expectDeno(attempted);
  try {
    return await operation();
  } catch (cause) {
    if (cause instanceof UserError || !isSystemError(cause)) throw cause;
    const { message, code = "" } = cause;
    const reason = REASONS[code] ?? message;
    const advice = ADVICE[code] ? `; ${ADVICE[code]}` : "";
    throw new UserError(`cannot ${attempted}: ${reason}${advice}`, { cause });
  }
}

/** Whether the operating system, or Deno for a missing permission, refused. */
function isSystemError(error: unknown): error is Error & { code?: string } {
  return error instanceof Error && ("code" in error || error instanceof Deno.errors.NotCapable);
}

function splitPath(path: string): { folder: string; name: string } {
  const slashed = Deno.build.os === "windows" ? path.replaceAll("\\", "/") : path;
  const slash = slashed.lastIndexOf("/");
  return {
    folder: slash < 0 ? "." : slashed.slice(0, slash) || "/",
    name: slashed.slice(slash + 1),
  };
}
