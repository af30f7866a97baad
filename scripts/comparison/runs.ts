/**
 * Runs to compare: the choices and the losses that their folders hold.
 *
 * @module
 */
import { UserError, userInput } from "../../lib/cli/run.ts";
import { parseMetrics } from "../../lib/plot/mod.ts";
import { holdsCheckpoint } from "../../mod.ts";
import { loadRunRecord, type RunRecord } from "../train/record.ts";

/** A loss after `step` updates, in nats per token. */
export interface Loss {
  readonly step: number;
  readonly loss: number;
}

/** A run as its folder describes it. */
export interface ComparedRun {
  /** The run's folder. */
  readonly folder: string;
  /** Content of run.json. */
  readonly record: RunRecord;
  /** Training losses. */
  readonly train: readonly Loss[];
  /** Losses on held-out text; empty if the run never measured them. */
  readonly validation: readonly Loss[];
}

/**
 * Reads a run. One that was killed before its first step, or that reports nothing, has no losses.
 *
 * @throws {UserError} if run.json or metrics.jsonl is missing or malformed
 */
export async function readRun(folder: string): Promise<ComparedRun> {
  const record = await loadRunRecord(folder);
  const file = `${folder}/metrics.jsonl`;
  const text = await Deno.readTextFile(file).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    if (hasNoMetrics(record)) return undefined;
    throw new UserError(`${folder}: it holds no metrics.jsonl; give the folder of a training run`);
  });
  if (text === undefined) return { folder, record, train: [], validation: [] };
  const { train, validation } = await userInput(() => parseMetrics(text, file));
  return { folder, record, train, validation };
}

/** Whether a run has written no metrics yet, or never does. */
function hasNoMetrics({ step, reports }: RunRecord): boolean {
  return step === 0 || (reports.logEvery === 0 && reports.evalEvery === 0);
}

/**
 * The folders of the runs at `path`: the folder itself if it is a run, otherwise the runs directly
 * in it, by name.
 *
 * @throws {UserError} if there is none
 */
export async function runFolders(path: string): Promise<string[]> {
  const folder = path.replace(/(?<=.)\/+$/, "");
  if (holdsCheckpoint(folder)) return [folder];
  const entries = await Array.fromAsync(Deno.readDir(folder)).catch(() => []);
  const folders = entries.map(({ name }) => `${folder}/${name}`).filter(holdsCheckpoint).sort();
  if (folders.length > 0) return folders;
  throw new UserError(`${folder}: expected a run, or a folder of runs; no run.json was found`);
}
