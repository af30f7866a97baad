/**
 * Where a run's corpus and the model that it started from are, so that the run can be resumed or
 * repeated from another folder.
 *
 * @module
 */

/** A run's corpus as the user named it, and its absolute path. */
interface CorpusNames {
  readonly dataset?: string;
  readonly datasetPath?: string;
}

/**
 * The place to load a run's corpus from: its absolute path or, if that no longer exists, its name
 * as the user gave it.
 */
export function corpusPlace({ dataset, datasetPath }: CorpusNames): string | undefined {
  return datasetPath !== undefined && absolutePath(datasetPath) !== undefined
    ? datasetPath
    : dataset;
}

/** The place of a model as it is recorded: the absolute path of a folder, otherwise as it is. */
export function modelPlace(place: string): string {
  return realPath(place) ?? place;
}

/** The absolute path of a file, a folder or a pattern, links resolved; otherwise undefined. */
export function absolutePath(place: string): string | undefined {
  const star = place.indexOf("*");
  if (star < 0) return realPath(place);
  const slash = Math.max(place.lastIndexOf("/", star), place.lastIndexOf("\\", star));
  const folder = realPath(slash < 0 ? "." : place.slice(0, slash + 1));
  return folder && `${folder}/${place.slice(slash + 1)}`;
}

/** The real path, if it exists; `Deno` does it because loading node:path takes 20 ms. */
function realPath(path: string): string | undefined {
  try {
    return Deno.realPathSync(path);
  } catch {
    return undefined;
  }
}
