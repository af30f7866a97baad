/**
 * A run's folder, whose files change together: model, optimizer and state of one step, never a
 * mixture, after a kill at any moment and without a copy of the old checkpoint.
 *
 * A checkpoint is saved in four steps:
 *
 *  1. all new files are written into `.checkpoint.tmp/` and flushed;
 *  2. that folder is renamed to `.checkpoint/`: from this one instant on the new checkpoint counts;
 *  3. its files are renamed, one by one, over those in the run's folder;
 *  4. the empty `.checkpoint/` is removed.
 *
 * A writer killed before step 2 leaves the old files and a `.checkpoint.tmp/`, which the next
 * writer removes; killed after it, a `.checkpoint/`, which the next writer finishes moving. So a
 * process that has opened the folder sees plain files of one checkpoint. A reader without the lock
 * finds a file with `checkpointPath` of lib/hub. Saving needs free space for a second checkpoint.
 * Only one process writes at a time: it holds a lock on `.lock`, which the system releases when the
 * process ends, for whatever reason.
 *
 * See checkpoint.ts for the files and their content.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import {
  attempt,
  type Chunks,
  type NamedFile,
  removeStaleTemporaries,
  syncFolder,
  writeDurably,
} from "../files.ts";
import { COMMITTED } from "../hub/folder_files.ts";
import { localPath } from "../place.ts";

const STAGING = ".checkpoint.tmp";
const LOCK = ".lock";

/**
 * A folder that this process alone may write checkpoints into.
 *
 * ```ts
 * import { checkpointPath } from "../hub/folder_files.ts";
 * const path = await Deno.makeTempDir();
 * using folder = await CheckpointFolder.open(path);
 * const text = (value: string) => [new TextEncoder().encode(value)];
 * await folder.save([["model.txt", text("weights")], ["run.json", text('{"step":7}')]]);
 * console.log(await Deno.readTextFile(checkpointPath(path, "run.json"))); // {"step":7}
 * ```
 */
export class CheckpointFolder {
  /** The folder's path, as it was given. */
  readonly path: string;
  #lock: Deno.FsFile | undefined;
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string, lock: Deno.FsFile) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes the folder if it is missing, locks it, and cleans up after a killed writer: a checkpoint
   * that it had completed is put in place, an incomplete one is removed.
   *
   * @throws {UserError} if the folder cannot be written, or another process is writing in it
   * @throws {TypeError} if `place` is neither a path nor a `file:` address
   */
  static async open(place: string | URL): Promise<CheckpointFolder> {
    const path = localPath("CheckpointFolder.open", place);
    const action = `open the run folder ${path}`;
    await attempt(action, () => Deno.mkdir(path, { recursive: true }));
    const options = { write: true, create: true };
    const lock = await attempt(action, () => Deno.open(`${path}/${LOCK}`, options));
    try {
      if (!await attempt(action, () => lock.tryLock(true))) {
        throw new UserError(
          `cannot ${action}: another process is writing in it; wait for it to end or name another folder`,
        );
      }
      const folder = new CheckpointFolder(path, lock);
      await attempt(action, () => folder.#recover());
      return folder;
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  /**
   * Replaces the named files, all or none; names have no folders. Other files stay as they are. A
   * save that starts while another runs waits for it.
   *
   * @throws {UserError} if the system refuses (full disk, read-only folder); the checkpoint before
   *   stays as it was. An error from a file's chunks passes through, with the same guarantee.
   *
   * @internal
   */
  save(files: Iterable<NamedFile>): Promise<void> {
    const save = this.#saving.catch(() => {}).then(() => this.#save(files));
    this.#saving = save;
    return save;
  }

  /**
   * Opens a folder, saves files as `save` does, and closes it.
   *
   * @throws {UserError} as `open` and `save`
   *
   * @internal
   */
  static async saveOnce(place: string | URL, files: Iterable<NamedFile>): Promise<void> {
    const folder = await CheckpointFolder.open(place);
    try {
      await folder.save(files);
    } finally {
      folder.close();
    }
  }

  /** Releases the lock; a second call does nothing. */
  close(): void {
    this.#lock?.close();
    this.#lock = undefined;
  }

  /** As `close`, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  async #save(files: Iterable<NamedFile>): Promise<void> {
    const staging = `${this.path}/${STAGING}`;
    const action = `save a checkpoint in ${this.path}`;
    if (!this.#lock) throw new TypeError(`cannot ${action}: it was closed before`);
    await attempt(action, () => this.#recover());
    try {
      await attempt(action, () => Deno.mkdir(staging));
      for (const [name, chunks] of files) await this.#stage(name, chunks);
      await attempt(action, () => syncFolder(staging));
      await attempt(action, () => Deno.rename(staging, `${this.path}/${COMMITTED}`));
    } catch (error) {
      await remove(staging, { recursive: true }).catch(() => {}); // the first error is the one to report
      throw error;
    }
    await attempt(action, () => this.#putInPlace());
  }

  async #stage(name: string, chunks: Chunks): Promise<void> {
    const path = `${this.path}/${name}`;
    const options = { write: true, createNew: true };
    const file = await attempt(
      `write ${path}`,
      () => Deno.open(`${this.path}/${STAGING}/${name}`, options),
    );
    try {
      await writeDurably(file, chunks, path);
    } finally {
      file.close();
    }
  }

  async #recover(): Promise<void> {
    await remove(`${this.path}/${STAGING}`, { recursive: true });
    await this.#putInPlace();
    await removeStaleTemporaries(this.path);
  }

  /** Steps 3 and 4; does nothing if there is no committed checkpoint. */
  async #putInPlace(): Promise<void> {
    const committed = `${this.path}/${COMMITTED}`;
    await syncFolder(this.path);
    for (const name of await namesIn(committed)) {
      await Deno.rename(`${committed}/${name}`, `${this.path}/${name}`);
    }
    await syncFolder(this.path);
    await remove(committed);
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    if (!(error instanceof Deno.errors.NotADirectory)) throw error;
    throw new UserError(
      `${folder} is a file, but saving a checkpoint makes a folder of that name; move or remove it`,
      { cause: error },
    );
  }
}

async function remove(path: string, options?: Deno.RemoveOptions): Promise<void> {
  try {
    await Deno.remove(path, options);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
