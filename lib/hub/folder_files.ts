/**
 * A model in a local folder, such as the folder of a run.
 *
 * @module
 */
import { filePath } from "../place.ts";
import { expectDeno } from "../runtime.ts";
import { fileSource } from "./file_source.ts";
import type { Repository } from "./repository.ts";

/**
 * Whether a place is a local folder. A text that looks like a path counts as one even if nothing is
 * there, so that the error names the path.
 */
export function isFolder(place: string): boolean {
  return /^[.~]?\.?[/\\]|^[A-Za-z]:[/\\]|^\.\.?$/.test(place) || folderExists(place);
}

/** Whether there is a folder at a path. */
export function folderExists(path: string): boolean {
  if (typeof Deno === "undefined") return false; // a browser
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

/** The names in a folder; none if it cannot be read, which opening a file in it then says. */
export function namesInFolder(path: string): string[] {
  if (!folderExists(path)) return [];
  try {
    return Array.from(Deno.readDirSync(path), ({ name }) => name);
  } catch {
    return [];
  }
}

/** Within a run's folder, a completed checkpoint whose files are not in place yet. */
export const COMMITTED = ".checkpoint";

/**
 * Path of a file of a folder's newest complete checkpoint: in `.checkpoint/` if its writer has
 * completed it but not moved it into place (or was killed in between), otherwise in the folder
 * itself. See train/checkpoint_folder.ts.
 */
export function checkpointPath(folder: string, name: string): string {
  const committed = `${folder}/${COMMITTED}/${name}`;
  return exists(committed) ? committed : `${folder}/${name}`;
}

/** The files in a folder; those of a run are the ones of its newest complete checkpoint. */
export function folderRepository(folder: string | URL): Repository {
  const base = typeof folder === "string" ? folder : filePath(folder);
  return {
    name: base,
    open(file) {
      const path = checkpointPath(base.replace(/[/\\]+$/, ""), file);
      return new Promise((resolve) => resolve(exists(path) ? fileSource(path) : undefined));
    },
  };
}

/** A single file, whatever it is called. */
export function fileRepository(path: string): Repository {
  return {
    name: path,
    open: () => new Promise((resolve) => resolve(exists(path) ? fileSource(path) : undefined)),
  };
}

function exists(path: string): boolean {
  expectDeno(`read ${path}`);
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}
