/**
 * Where a run's corpus is, so that the run can be resumed from another folder.
 *
 * @module
 */

/** A run's corpus as the user named it, and its absolute path. */
interface CorpusNames {
  readonly dataset?: string;
  readonly datasetPath?: string;
}

/**
 * The place to load a run's corpus from: its absolute path, unless that is gone, as when it was moved
 * together with the folder that the run is started in.
 */
export function corpusPlace({ dataset, datasetPath }: CorpusNames): string | undefined {
  return datasetPath !== undefined && absolutePath(datasetPath) !== undefined
    ? datasetPath
    : dataset;
}

/** The absolute path of a file, a folder or a pattern, links followed; undefined for anything else. */
export function absolutePath(place: string): string | undefined {
  const star = place.indexOf("*");
  if (star < 0) return realPath(place);
  const slash = Math.max(place.lastIndexOf("/", star), place.lastIndexOf("\\", star));
  const folder = realPath(slash < 0 ? "." : place.slice(0, slash + 1));
  return folder && `${folder}/${place.slice(slash + 1)}`;
}

/** The absolute path of what is there; `Deno` because loading node:path takes 20 ms of a start. */
function realPath(path: string): string | undefined {
  try {
    return Deno.realPathSync(path);
  } catch {
    return undefined;
  }
}
