/**
 * sweep.json: the flags of a sweep, so that its folder is only continued with the same ones.
 *
 * @module
 */
import { UserError } from "../../lib/cli/run.ts";
import { makeFolder, writeText } from "../../lib/cli/write_text.ts";
import { holdsCheckpoint } from "../../mod.ts";
import type { Grid } from "./grid.ts";

/**
 * Opens the folder of a sweep: a new one, or one that was started with the same flags.
 * More values of the swept settings, and more seeds, may be added to it.
 *
 * @throws {UserError} if the folder holds a run or another sweep, or sweep.json is malformed
 */
export async function openSweepFolder(folder: string, grid: Grid): Promise<void> {
  if (holdsCheckpoint(folder)) {
    throw new UserError(`${folder}: it holds a run; name another folder with --out`);
  }
  await makeFolder(folder);
  const path = `${folder}/sweep.json`;
  const started = await Deno.readTextFile(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  });
  if (started !== undefined) expectSameSweep(path, started, grid);
  const { shared, swept } = grid;
  await writeText(path, JSON.stringify({ shared, swept }, undefined, 2) + "\n");
}

function expectSameSweep(path: string, started: string, { shared, swept }: Grid): void {
  const now = sweepLine([...shared], Object.keys(swept));
  const then = startedLine(path, started);
  if (now === then) return;
  throw new UserError(
    `${path}: its sweep was started with ${then}, got ${now}; ` +
      "give the same flags, or name another folder with --out",
  );
}

function startedLine(path: string, text: string): string {
  try {
    const { shared, swept } = JSON.parse(text);
    return sweepLine(shared, Object.keys(swept));
  } catch (cause) {
    throw new UserError(
      `${path}: expected the record of a sweep, got a malformed file; name another folder with --out`,
      { cause },
    );
  }
}

/** The shared flags and the names of the swept ones, in an order that does not matter. */
function sweepLine(shared: readonly string[], swept: readonly string[]): string {
  const words = [...shared, ...swept.map((name) => `--${name}=…`)].sort();
  return words.join(" ") || "no flags";
}
