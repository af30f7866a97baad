/**
 * Runs a sweep: one process per unfinished run, `jobs` of them at a time.
 *
 * @module
 */
import { formatLoss } from "../../lib/cli/numbers.ts";
import { print } from "../../lib/cli/output.ts";
import { readRun } from "../comparison/runs.ts";
import type { SweepRun } from "./grid.ts";
import { isFinished, trainRun, untilUnlocked } from "./train_process.ts";

/** How a sweep runs. */
export interface SweepOptions {
  /** Folder of the run folders. */
  readonly folder: string;
  /** Processes at a time. */
  readonly jobs: number;
  /** Ends the runs that are training, after a checkpoint each, and starts no other. */
  readonly signal: AbortSignal;
}

/** A run that did not finish, and why. */
export interface FailedRun {
  readonly name: string;
  readonly reason: string;
}

/** Brings all runs to their end and returns those that failed. */
export async function runAll(
  runs: readonly SweepRun[],
  { folder, jobs, signal }: SweepOptions,
): Promise<FailedRun[]> {
  const failed: FailedRun[] = [];
  const waiting = [...runs.entries()];
  const work = async () => {
    for (let next = waiting.shift(); next && !signal.aborted; next = waiting.shift()) {
      const [index, run] = next;
      const reason = await finish(run, `${folder}/${run.name}`, signal);
      if (signal.aborted) return;
      if (reason !== undefined) failed.push({ name: run.name, reason });
      print(`${index + 1}/${runs.length} ${run.name}  ${await outcome(folder, run, reason)}`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return failed;
}

/** Brings a run to its end; returns why it failed, if it did. */
async function finish(
  run: SweepRun,
  folder: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  await untilUnlocked(folder, signal);
  if (signal.aborted || await isFinished(folder)) return undefined;
  const { code, reason } = await trainRun(run, folder, signal);
  return code === 0 ? undefined : reason || `exit code ${code}`;
}

async function outcome(folder: string, run: SweepRun, reason?: string): Promise<string> {
  if (reason !== undefined) return `failed: ${reason}`;
  const { validation, train } = await readRun(`${folder}/${run.name}`);
  const [kind, losses] = validation.length > 0 ? ["validation", validation] : ["train", train];
  return losses.length > 0 ? `${kind} ${formatLoss(losses.at(-1)!.loss)}` : "finished";
}
