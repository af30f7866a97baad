/**
 * Where a run's corpus is, so that the run can be resumed from another folder.
 *
 * @module
 */
import { dirname, resolve } from "node:path";

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
  return datasetPath !== undefined && exists(datasetPath) ? datasetPath : dataset;
}

/** The absolute path of a file, a folder or a pattern; undefined for anything else. */
export function absolutePath(place: string): string | undefined {
  const path = resolve(place);
  return exists(path) ? path : undefined;
}

/** Whether there is something at a path; of a pattern with `*`, the folder above the first one. */
function exists(path: string): boolean {
  const star = path.indexOf("*");
  try {
    Deno.statSync(star < 0 ? path : dirname(path.slice(0, star) + "x"));
    return true;
  } catch {
    return false;
  }
}
