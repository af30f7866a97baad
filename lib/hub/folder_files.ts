/**
 * A model in a local folder.
 *
 * @module
 */
import { fileSource } from "./file_source.ts";
import type { Repository } from "./repository.ts";

/**
 * Whether there is a folder at a path. What looks like a path and is none counts as one, so that
 * the error names it.
 */
export function isFolder(path: string): boolean {
  if (typeof Deno === "undefined") return false; // a browser
  if (/^[.~]?\.?[/\\]|^[A-Za-z]:[/\\]|^\.\.?$/.test(path)) return true;
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

/** The files in a folder. */
export function folderRepository(folder: string | URL): Repository {
  const base = typeof folder === "string" ? folder : pathOf(folder);
  return {
    name: base,
    open(file) {
      const path = `${base.replace(/[/\\]+$/, "")}/${file}`;
      return new Promise((resolve) => resolve(exists(path) ? fileSource(path) : undefined));
    },
  };
}

function exists(path: string): boolean {
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

function pathOf({ pathname }: URL): string {
  const path = decodeURIComponent(pathname);
  return Deno.build.os === "windows" ? path.slice(1) : path;
}
