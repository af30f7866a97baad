/**
 * The playground of a run that is still training, for the server of its live page: the scripts, and
 * the model of its last checkpoint.
 *
 * @module
 */
import type { LiveCheckpoint } from "../../lib/cli/live/messages.ts";
import { bundleModule } from "../../lib/cli/bundle.ts";
import { UserError } from "../../lib/cli/run.ts";
import { buildEngine } from "./build_page.ts";
import { partsOf } from "./open_parts.ts";
import { openSource } from "./open_source.ts";

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
 * @throws {UserError} if it is too large, or an adapter on another model
 */
export async function readCheckpoint(folder: string): Promise<LiveCheckpoint> {
  if (await partsOf(folder) === "adapter") {
    throw new UserError(
      `this run is an adapter, to play with once it has ended: deno task explore ${folder} ` +
        "opens it in its base",
    );
  }
  const { step, files } = await openSource(folder, { maxWeights: MAX_WEIGHTS });
  return { step: step!, files: files! };
}
