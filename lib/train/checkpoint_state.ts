/**
 * The state of a run in its checkpoint: `run.json`, and a copy in the metadata of the tensor files,
 * so that files of two checkpoints, or an edited `run.json`, are noticed before training continues
 * with other numbers.
 *
 * See checkpoint.ts for saving, and for the tensors.
 *
 * @module
 */
import { describe, UserError } from "../errors.ts";
import { fileSource } from "../hub/file_source.ts";
import { checkpointPath } from "../hub/folder_files.ts";
import { SafetensorsFile } from "../hub/safetensors.ts";
import { localPath } from "../place.ts";
import { isMissing, readRegularText } from "../regular_file.ts";
import { isObject } from "../rules.ts";
import { expectDeno } from "../runtime.ts";

/** What `run.json` holds: the step, and anything that the caller keeps with it. */
export interface RunState {
  /** Updates done. */
  readonly step: number;
  /** Anything else that JSON can hold, such as settings and a seed. */
  readonly [name: string]: unknown;
}

/**
 * Whether a folder holds a complete checkpoint, also one that a killed writer had completed but not
 * put in place.
 */
export function holdsCheckpoint(folder: string): boolean {
  expectDeno(`read ${folder}`);
  try {
    return Deno.statSync(checkpointPath(folder, "run.json")).isFile;
  } catch {
    return false;
  }
}

/**
 * Loads what `run.json` of a run's folder holds.
 *
 * @throws {UserError} if it is missing or malformed, was edited after the checkpoint was saved, or
 *   the tensors beside it are of another step
 * @throws {TypeError} if `folder` is neither a path nor a `file:` address
 */
export async function loadRunState(folder: string | URL): Promise<RunState> {
  const path = localPath("loadRunState", folder);
  const json = await readText(path, "run.json");
  const run = await explain(`${path}/run.json`, () => JSON.parse(json));
  if (!Number.isSafeInteger(run?.step) || run.step < 0) {
    throw new UserError(
      `${path}/run.json: expected a whole number from 0 as "step", got ${describe(run?.step)}`,
    );
  }
  for (const name of ["optimizer.safetensors", "model.safetensors", "adapter_model.safetensors"]) {
    await expectSameRun(path, name, run);
  }
  return run;
}

/** The metadata of a file of tensors: what PyTorch's readers ask for, and the step. */
export function stepMetadata(step: number): Record<string, string> {
  return { format: "pt", step: String(step) };
}

/** Fields that describe the process: two runs of the same numbers may differ in them. */
const PROCESS_FIELDS = ["commandLine", "device", "versions", "datasetPath"];

/** The fields of run.json that a tensor file stores in its metadata, as JSON. */
export function rememberedRun(run: RunState): string {
  const fields = Object.entries(run).filter(([name]) => !PROCESS_FIELDS.includes(name));
  return JSON.stringify(Object.fromEntries(fields));
}

/** Throws a UserError if a tensor file exists and was saved with another run.json. */
async function expectSameRun(folder: string, name: string, run: RunState): Promise<void> {
  const metadata = await metadataOf(folder, name);
  if (metadata === undefined) return;
  const step = metadata.get("step");
  if (step !== String(run.step)) {
    throw new UserError(
      `${folder}: ${name} is of step ${step ?? "unknown"}, run.json of step ${run.step}; ` +
        "restore the files of one checkpoint",
    );
  }
  const saved = metadata.get("run");
  if (saved === undefined) return;
  const before = await explain(`${folder}/${name}`, () => JSON.parse(saved));
  const edit = firstDifference(before, JSON.parse(rememberedRun(run)));
  if (edit !== undefined) {
    throw new UserError(
      `${folder}/run.json: ${edit}; undo that, and pass the change to the training instead`,
    );
  }
}

/** Describes the first difference between the value that was read and the saved one. */
function firstDifference(saved: unknown, read: unknown, path = ""): string | undefined {
  if (isObject(saved) && isObject(read)) {
    for (const name of new Set([...Object.keys(saved), ...Object.keys(read)])) {
      const within = path === "" ? name : `${path}.${name}`;
      const difference = firstDifference(saved[name], read[name], within);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }
  if (JSON.stringify(saved) === JSON.stringify(read)) return undefined;
  const shown = (value: unknown) => value === undefined ? "absent" : describe(value);
  return `${path} is ${shown(read)}, but the checkpoint was saved with ${shown(saved)}`;
}

async function metadataOf(
  folder: string,
  name: string,
): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    return await withTensors(folder, name, ({ metadata }) => metadata);
  } catch (error) {
    if (isMissing((error as Error).cause)) return undefined;
    throw error;
  }
}

/**
 * Calls `body` with a checkpoint's open file of tensors.
 *
 * @throws {UserError} if it is missing or malformed
 */
export async function withTensors<Result>(
  folder: string,
  name: string,
  body: (file: SafetensorsFile) => Result | Promise<Result>,
): Promise<Result> {
  return await explain(folder, async () => {
    const file = await SafetensorsFile.open(fileSource(checkpointPath(folder, name)));
    try {
      return await body(file);
    } finally {
      file.close();
    }
  });
}

async function readText(folder: string, name: string): Promise<string> {
  const path = checkpointPath(folder, name);
  try {
    return await readRegularText(path);
  } catch (cause) {
    const { NotFound, NotADirectory } = Deno.errors;
    if (!(cause instanceof NotFound || cause instanceof NotADirectory)) throw cause;
    throw new UserError(`${folder}: it holds no ${name}; give the folder of a run`, { cause });
  }
}

/**
 * Runs `body`; what a malformed file makes it throw becomes a UserError that names the folder or
 * the file.
 */
async function explain<T>(folder: string, body: () => T | Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    if (isMissing(cause)) {
      throw new UserError(`${folder}: ${cause.message}`, { cause });
    }
    const malformed = [SyntaxError, RangeError, TypeError].some((kind) => cause instanceof kind);
    if (!malformed) throw cause;
    throw new UserError(`${folder}: ${(cause as Error).message}`, { cause });
  }
}
