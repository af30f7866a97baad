/**
 * A model whose files are in memory, such as those that a page carries or that its user has chosen.
 *
 * @module
 */
import { bytesSource } from "./byte_source.ts";
import type { Repository } from "./repository.ts";

/** A model's files by their names: `config.json`, `model.safetensors`, `tokenizer.json`, … */
export type ModelFiles = Readonly<Record<string, Uint8Array>>;

/** Whether a place is files rather than where they are. */
export function isModelFiles(place: unknown): place is ModelFiles {
  return typeof place === "object" && place !== null && !(place instanceof URL) &&
    Object.values(place).every((content) => content instanceof Uint8Array);
}

/** The files as a repository. */
export function contentRepository(files: ModelFiles): Repository {
  const open = (file: string) =>
    Object.hasOwn(files, file) ? bytesSource(files[file], file) : undefined;
  return { name: "from memory", open: (file) => Promise.resolve(open(file)) };
}
