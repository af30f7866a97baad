/**
 * A run's checkpoint: model, optimizer, tokenizer and state of one step, in files that others can
 * read.
 *
 * `config.json` and `model.safetensors` are those of a Hugging Face model, `tokenizer.json` (or
 * `tokenizer.model`) that of a tokenizer; `optimizer.safetensors` holds `<parameter>.<state>` for
 * each of Folio's parameters; `run.json` all else. How they are written so that a kill never mixes
 * two steps is in checkpoint_folder.ts.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { namesOf, readModelConfig, writeModelConfig } from "../hub/config.ts";
import { fileSource } from "../hub/file_source.ts";
import { readParameters } from "../hub/parameters.ts";
import {
  assertFinite,
  encodeSafetensors,
  type SafetensorsEntry,
  SafetensorsFile,
} from "../hub/safetensors.ts";
import { storedTensors } from "../hub/stored_tensors.ts";
import type { ModelConfig } from "../nn/config.ts";
import { GPT } from "../nn/gpt.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { sameShape } from "../shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { readTokenizer, tokenizerContents } from "../data/tokenizer_files.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { Chunks } from "../files.ts";
import { type CheckpointFolder, checkpointPath } from "./checkpoint_folder.ts";

/** What `run.json` holds: the step, and whatever the caller wants to find again. */
export interface RunState {
  /** Updates done. */
  readonly step: number;
  /** Anything else that JSON can hold, such as settings and a seed. */
  readonly [name: string]: unknown;
}

/** What a checkpoint consists of. */
export interface Checkpoint {
  /** Weights and configuration. */
  readonly model: GPT;
  /** The optimizer of the model's parameters, whose state is saved. */
  readonly optimizer: Optimizer;
  /** The tokenizer that the model's ids are of. */
  readonly tokenizer: Tokenizer;
  /** The step, and all else to be found again. */
  readonly run: RunState;
}

/**
 * Saves everything as one: after a kill at any moment the folder holds this checkpoint whole or the
 * one before.
 *
 * UserError where the disk is full or read-only; RangeError where a weight, or a number of the
 * optimizer, is NaN or infinite, because nobody could go on from that: the checkpoint before is
 * then as it was.
 */
export async function saveCheckpoint(
  folder: CheckpointFolder,
  { model, optimizer, tokenizer, run }: Checkpoint,
): Promise<void> {
  const metadata = { format: "pt", step: String(run.step) };
  const parameters = (await entriesOf(model.namedParameters())).flatMap((parameter) =>
    asStored(model.config, parameter)
  );
  const state = await entriesOf(optimizerTensors(model, optimizer));
  await folder.save([
    ["config.json", text(JSON.stringify(writeModelConfig(model.config), undefined, 2) + "\n")],
    ["model.safetensors", encodeSafetensors(parameters, metadata)],
    ...tokenizerContents(tokenizer).map(([name, bytes]): [string, Chunks] => [name, [bytes]]),
    ["optimizer.safetensors", encodeSafetensors(state, metadata)],
    ["run.json", text(JSON.stringify(run, undefined, 2) + "\n")],
  ]);
}

/**
 * Whether a folder holds a whole checkpoint, be it one that a killed writer had completed and not
 * put in place.
 */
export function holdsCheckpoint(folder: string): boolean {
  try {
    return Deno.statSync(checkpointPath(folder, "run.json")).isFile;
  } catch {
    return false;
  }
}

/**
 * Reads a run's configuration. UserError for a folder without one, or with one that is malformed.
 */
export async function loadRunConfig(folder: string): Promise<ModelConfig> {
  const json = await readText(folder, "config.json");
  return await explain(folder, () => readModelConfig(json).config);
}

/** Reads `run.json`. UserError when it is missing or malformed. */
export async function loadRunState(folder: string): Promise<RunState> {
  const json = await readText(folder, "run.json");
  const run = await explain(`${folder}/run.json`, () => JSON.parse(json));
  if (!Number.isSafeInteger(run?.step) || run.step < 0) {
    throw new UserError(`${folder}/run.json: expected a whole number as "step", got ${run?.step}`);
  }
  return run;
}

/** Reads a run's tokenizer. UserError when it is missing or malformed. */
export async function loadRunTokenizer(folder: string): Promise<Tokenizer> {
  const model = checkpointPath(folder, "tokenizer.model");
  if (await isFile(model)) return await explain(folder, () => readTokenizer(model));
  await readText(folder, "tokenizer.json"); // whose error says what a run is
  return await explain(folder, () => readTokenizer(checkpointPath(folder, "tokenizer.json")));
}

/**
 * Makes the model of a run, its weights read from the folder, with another dropout if one is given.
 * UserError for what is missing, malformed or does not fit.
 */
export async function loadModel(
  folder: string,
  changes: { readonly dropout?: number } = {},
): Promise<GPT> {
  const json = await readText(folder, "config.json");
  const { config, architecture } = await explain(folder, () => readModelConfig(json));
  const model = await explain(folder, () => new GPT({ ...config, ...changes }));
  const parameters = model.namedParameters();
  const shapes = new Map([...parameters].map(([name, { shape }]) => [name, shape]));
  await withFile(folder, "model.safetensors", async (file) => {
    for await (const [name, data] of readParameters(file, shapes, namesOf(architecture))) {
      parameters.get(name)!.write(data);
    }
  });
  return model;
}

/**
 * Restores an optimizer's state and step from a run's folder. UserError for what is missing,
 * malformed or does not fit.
 */
export async function restoreOptimizer(
  folder: string,
  model: GPT,
  optimizer: Optimizer,
  step: number,
): Promise<void> {
  await withFile(folder, "optimizer.safetensors", async (file) => {
    if (Number(file.metadata.get("step")) !== step) {
      throw new SyntaxError(
        `${file.name}: it is of step ${file.metadata.get("step")}, but run.json is of step ${step}`,
      );
    }
    for (const [name, tensor] of optimizerTensors(model, optimizer)) {
      const stored = file.tensors.get(name);
      if (!stored || !sameShape(stored.shape, tensor.shape)) {
        throw new SyntaxError(`${file.name}: expected ${name} as ${tensor}, got ${stored?.shape}`);
      }
      tensor.write(await file.float32(name));
    }
  });
  optimizer.restore(step);
}

function optimizerTensors(model: GPT, optimizer: Optimizer): Map<string, Tensor> {
  const names = new Map([...model.namedParameters()].map(([name, tensor]) => [tensor, name]));
  const tensors = new Map<string, Tensor>();
  for (const [state, parts] of optimizer.stateParts()) {
    for (const [parameter, part] of parts) tensors.set(`${names.get(parameter)}.${state}`, part);
  }
  return tensors;
}

type Parameter = [name: string, entry: SafetensorsEntry];

/** Reads all tensors at once: on WebGPU they share the 10 ms that a read waits. */
async function entriesOf(tensors: Map<string, Tensor>): Promise<Parameter[]> {
  const reads = [...tensors].map(async ([name, tensor]): Promise<Parameter> => {
    const data = await tensor.data();
    if (data instanceof Float32Array) assertFinite(name, data);
    return [name, { shape: tensor.shape, data }];
  });
  return await Promise.all(reads);
}

/**
 * A parameter under the names, and in the layouts, of the architecture that `config.json` names.
 */
function asStored(config: ModelConfig, [name, { shape, data }]: Parameter): Parameter[] {
  const parameter = { name, shape, data: data as Float32Array<ArrayBuffer> };
  return storedTensors(config, parameter).map(({ name, ...entry }) => [name, entry]);
}

function text(content: string): Chunks {
  return [new TextEncoder().encode(content)];
}

async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isFile }) => isFile, () => false);
}

async function readText(folder: string, name: string): Promise<string> {
  const path = checkpointPath(folder, name);
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    const { NotFound, NotADirectory } = Deno.errors;
    if (!(cause instanceof NotFound || cause instanceof NotADirectory)) throw cause;
    throw new UserError(`${folder}: it holds no ${name}; give the folder of a run`, { cause });
  }
}

async function withFile(
  folder: string,
  name: string,
  body: (file: SafetensorsFile) => Promise<void>,
): Promise<void> {
  await explain(folder, async () => {
    const file = await SafetensorsFile.open(fileSource(checkpointPath(folder, name)));
    try {
      await body(file);
    } finally {
      file.close();
    }
  });
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
    if (cause instanceof Deno.errors.NotFound) {
      throw new UserError(`${folder}: ${cause.message}`, { cause });
    }
    const malformed = [SyntaxError, RangeError, TypeError].some((kind) => cause instanceof kind);
    if (!malformed) throw cause;
    throw new UserError(`${folder}: ${(cause as Error).message}`, { cause });
  }
}
