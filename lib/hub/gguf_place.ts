/**
 * The place of a model that is a GGUF file.
 *
 * gguf_repository.ts reads it; most models are no such file, so it is loaded when one is opened.
 *
 * @module
 */
import type { Repository } from "./repository.ts";

/** Splits a place that names a GGUF file into its folder, with the slash, and the file. */
export function splitGgufPlace(place: string): [folder: string, file: string] | undefined {
  if (!/\.gguf$/i.test(place)) return undefined;
  const at = Math.max(place.lastIndexOf("/"), place.lastIndexOf("\\")) + 1;
  return [place.slice(0, at), place.slice(at)];
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
