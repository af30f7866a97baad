/**
 * The playground of a run that is still training, for the server of its live page: the scripts, and
 * the model of its last checkpoint.
 *
 * @module
 */
import type { LiveCheckpoint } from "../../lib/cli/live/messages.ts";
import { bundleModule } from "../../lib/cli/bundle.ts";
import { buildEngine } from "./build_page.ts";
import { modelFiles } from "./open_source.ts";
import { readRun } from "./run_history.ts";

/**
 * Maximum size of the weights, in bytes: they are read beside training, whose memory they must not
 * take.
 */
const MAX_WEIGHTS = 50_000_000;

/** The scripts of the playground: a module, and the text of its worker. */
export function buildScripts(): Promise<[script: string, worker: string]> {
  const module = new URL("./page/playground.ts", import.meta.url);
  return Promise.all([bundleModule(module), buildEngine()]);
}

/**
 * The model of a run's last checkpoint.
 *
 * @throws {UserError} if it is too large
 */
export async function readCheckpoint(folder: string): Promise<LiveCheckpoint> {
  const files = await modelFiles(folder, { maxWeights: MAX_WEIGHTS });
  return { step: (await readRun(folder))!.step, files };
}
