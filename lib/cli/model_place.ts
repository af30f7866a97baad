/**
 * A place that a user names for a model: a folder, an address, or a name on the hub.
 *
 * lib/hub finds the files there; expect_folder.ts checks a place that must be a folder.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import type { Progress } from "../progress.ts";
import { type Flag, text } from "./flags.ts";
import { withDownloadProgress } from "./progress.ts";
import { userInput } from "./run.ts";

/** The flag for the version of a model that has a name on the hub; `what` says whose. */
export function revisionFlag(what = "a model"): Flag<string | undefined> {
  return text(undefined, `branch, tag or commit of ${what} on the hub`, {
    placeholder: "REVISION",
    shownDefault: "main",
  });
}

/** Loads something from a model's place; `onProgress` is for its weights. */
export type LoadFromPlace<Result> = (
  onProgress?: (progress: Progress) => void,
) => Promise<Result>;

/**
 * Calls `load` for a model at `place`, with a progress bar if it is downloaded; `label` names the
 * place in messages.
 *
 * ```ts
 * const folder = await Deno.makeTempDir();
 * console.log(await fromModelPlace(folder, () => Promise.resolve("loaded"))); // loaded
 * ```
 *
 * @throws {UserError} if there is no model at the place, or what `load` throws about its files
 */
export async function fromModelPlace<Result>(
  place: string,
  load: LoadFromPlace<Result>,
  label = place,
): Promise<Result> {
  const info = await Deno.stat(place).catch(() => undefined);
  if (info?.isFile && !/\.gguf$/i.test(place)) {
    throw new UserError(
      `${label}: it is a file; give the folder of a run or of a model, or a GGUF file`,
    );
  }
  if (!info && /^([.~/\\]|[A-Za-z]:[/\\])/.test(place)) {
    throw new UserError(`${label}: no such folder`);
  }
  if (info) return await userInput(() => load());
  const download: LoadFromPlace<Result> = (onProgress) => userInput(() => load(onProgress));
  return await withDownloadProgress(place, download).catch((error) => {
    throw fromHub(place, label, error);
  });
}

/** What to do without the hub. */
const OFFLINE = "; without a network give the folder of a run or of a model, or, in HF_ENDPOINT, " +
  "the address of another hub";

/** An error of the hub for a name that could also be a folder: the message names both. */
function fromHub(place: string, label: string, error: unknown): unknown {
  if (!(error instanceof UserError) || place.includes(":")) return error;
  // A download that failed keeps the server's refusal, if there was an answer.
  const isOffline = "refusal" in error && error.refusal === undefined;
  const message = `${label}: no such folder, and on the hub: ${error.message}`;
  return new UserError(isOffline ? message + OFFLINE : message, { cause: error });
}
