/**
 * The playground of a run that is still training, for the server of its live page: the model of its
 * last checkpoint, and the run's losses and samples as they are made.
 *
 * @module
 */
import { UserError } from "../../lib/cli/run.ts";
import { buildPage } from "./build_page.ts";
import { openSource } from "./open_source.ts";

/**
 * Maximum size of the weights, in bytes: the page is made beside training, whose memory it must not
 * take.
 */
const MAX_WEIGHTS = 50_000_000;

/**
 * The page of a run's last checkpoint.
 *
 * @throws {UserError} if there is none yet, or it is too large
 */
export async function playPage(folder: string): Promise<string> {
  const step = await savedStep(folder);
  if (step === undefined) {
    throw new UserError(
      `${folder} has no checkpoint yet; load this page again after the first (--checkpoint-every)`,
    );
  }
  const source = await openSource(folder, MAX_WEIGHTS);
  return await buildPage({ ...source, name: `${folder}, as of step ${step}`, events: "/events" });
}

/** The step of a run's checkpoint; one that is complete, but not in its place yet, counts. */
async function savedStep(folder: string): Promise<number | undefined> {
  for (const path of [`${folder}/.checkpoint/run.json`, `${folder}/run.json`]) {
    const text = await Deno.readTextFile(path).catch(() => undefined);
    if (text !== undefined) return JSON.parse(text).step;
  }
  return undefined;
}
