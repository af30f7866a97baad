/**
 * The place of a model that is a GGUF file, or a folder that holds one and no files of JSON.
 *
 * gguf_repository.ts reads it; most models are no such file, so it is loaded when one is opened.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { namesInFolder } from "./folder_files.ts";
import type { Repository } from "./repository.ts";

/** Splits a place that names a GGUF file into its folder, with the slash, and the file. */
export function splitGgufPlace(place: string): [folder: string, file: string] | undefined {
  if (!/\.gguf$/i.test(place)) return undefined;
  const at = Math.max(place.lastIndexOf("/"), place.lastIndexOf("\\")) + 1;
  return [place.slice(0, at), place.slice(at)];
}

/**
 * The path of the only GGUF file in a folder without files of JSON; undefined if it holds none, or
 * such files, which then are the model.
 *
 * @throws {UserError} if it holds several
 */
export function ggufInFolder(folder: string): string | undefined {
  const names = namesInFolder(folder);
  const found = names.filter((name) => splitGgufPlace(name)).sort();
  if (found.length === 0 || names.some((name) => name.endsWith(".json"))) return undefined;
  const path = folder.replace(/[/\\]+$/, "");
  if (found.length === 1) return `${path}/${found[0]}`;
  throw new UserError(
    `model ${folder}: it has ${found.length} GGUF files, and no config.json; give one of them: ` +
      found.slice(0, 20).map((name) => `${path}/${name}`).join(", "),
  );
}

/** The model in a GGUF file of a folder. */
export function ggufModel(name: string, folder: Repository, file: string): Repository {
  let loaded: Promise<Required<Repository>> | undefined;
  const repository = () =>
    loaded ??= import("./gguf_repository.ts")
      .then(({ ggufRepository }) => ggufRepository(name, folder, file));
  return {
    name,
    open: async (file) => await (await repository()).open(file),
    openWeights: async (options) => await (await repository()).openWeights(options),
  };
}
