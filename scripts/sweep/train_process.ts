/**
 * One run of a sweep as a process of `deno task train`.
 *
 * @module
 */
import { UserError } from "../../lib/cli/run.ts";
import { BestModel, CheckpointFolder, holdsCheckpoint } from "../../mod.ts";
import { readRun } from "../comparison/runs.ts";
import type { SweepRun } from "./grid.ts";

const TRAIN = new URL("../train.ts", import.meta.url).href;
const PERMISSIONS = [
  "--allow-read",
  "--allow-write",
  "--allow-net",
  "--allow-env=DENO_V8_FLAGS,HF_TOKEN,HF_ENDPOINT,HF_HOME,HOME",
  "--no-prompt",
];

/** Milliseconds between two looks at a folder in which another process writes. */
const LOCK_INTERVAL = 200;

/** How a process ended. */
export interface Ending {
  /** Its exit code; 0 if the run is finished. */
  readonly code: number;
  /** The last line of its standard error. */
  readonly reason: string;
}

/**
 * Starts or continues a run in `folder` and waits for its end. An aborted signal makes it save a
 * checkpoint and end.
 */
export async function trainRun(
  { args }: SweepRun,
  folder: string,
  signal: AbortSignal,
): Promise<Ending> {
  const ffi = args.some((arg) => arg.startsWith("--blas=")) ? ["--allow-ffi"] : [];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", ...PERMISSIONS, ...ffi, TRAIN, ...args, `--out=${folder}`, "--continue"],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stop = () => child.kill("SIGTERM");
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  // Reading what it prints keeps it from waiting for a full pipe.
  const { code, stderr } = await child.output();
  signal.removeEventListener("abort", stop);
  const lines = new TextDecoder().decode(stderr).trim().split("\n");
  return { code, reason: lines.at(-1)!.replace(/^error: /, "") };
}

/**
 * Whether the run in `folder` has done all its updates and its last evaluation, or stopped early.
 *
 * @throws {UserError} if its run.json or metrics.jsonl is malformed
 */
export async function isFinished(folder: string): Promise<boolean> {
  if (!holdsCheckpoint(folder)) return false;
  const { record, validation } = await readRun(folder);
  const { step, settings, reports, patience = 0 } = record;
  const evaluated = validation.map(({ step }) => step).filter((at) => at <= step);
  if ((await BestModel.open(folder)).isOutOfPatience(patience, evaluated)) return true;
  const isMeasured = reports.evalEvery === 0 || evaluated.at(-1) === step;
  return step >= settings.steps && isMeasured;
}

/**
 * Waits until no process writes in a run's folder: those of a sweep that was killed end at the next
 * line that they print.
 */
export async function untilUnlocked(folder: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      return (await CheckpointFolder.open(folder)).close();
    } catch (error) {
      const isLocked = error instanceof UserError && error.message.includes("another process");
      if (!isLocked) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, LOCK_INTERVAL));
  }
}
