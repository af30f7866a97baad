/**
 * A run's checkpoint: model, optimizer, tokenizer and state of one step, in files that others can
 * read.
 *
 * `config.json`, `generation_config.json`, `model.safetensors` and `tokenizer.json` (or
 * `tokenizer.model`) are those of a Hugging Face model, so `loadPretrained` loads a run.
 * `optimizer.safetensors` holds `<parameter>.<state>` for each of Folio's parameters, `run.json`
 * everything else. A run that trains an adapter has PEFT's files of it instead of the model's.
 * checkpoint_folder.ts writes the files so that a kill never mixes two steps;
 * checkpoint_state.ts reads `run.json`, checkpoint_tensors.ts the optimizer's state.
 *
 * @module
 */
import type { LoraAdapter } from "../adapt/lora_adapter.ts";
import { jsonContent, type NamedFile } from "../files.ts";
import type { GPT } from "../nn/gpt.ts";
import { expectModel } from "../nn/expect_model.ts";
import { expectOptimizer, type Optimizer } from "../optim/optimizer.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { localPath } from "../place.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { expectTokenizer } from "../text/expect_tokenizer.ts";
import { CheckpointFolder } from "./checkpoint_folder.ts";
import { loadRunState, type RunState, stepMetadata } from "./checkpoint_state.ts";
import { loadTensors, optimizerFile, stateTensors } from "./checkpoint_tensors.ts";
import { modelFiles, type ModelToSave } from "./model_files.ts";

/** What a checkpoint consists of. */
export interface Checkpoint extends ModelToSave {
  /** The optimizer of the model's parameters, whose state is saved. */
  readonly optimizer: Optimizer;
  /** The step, and anything else to keep in `run.json`. Default: only the optimizer's step. */
  readonly run?: RunState;
}

/** The names of a checkpoint's parts. */
const KNOWN: OptionNames<Checkpoint> = {
  model: true,
  optimizer: true,
  tokenizer: true,
  run: true,
  beginToken: true,
  endTokens: true,
  adapter: true,
  base: true,
};

/**
 * Saves everything together: after a kill at any moment the folder holds either this checkpoint or
 * the previous one, complete. `loadPretrained` reads model and tokenizer, `loadRunState` and
 * `loadOptimizerState` the rest.
 *
 * `folder` is a path, a `file:` address, or a `CheckpointFolder`, which locks the folder for a
 * whole run; a path is locked only while this checkpoint is saved.
 *
 * ```ts
 * import { AdamW, CharacterTokenizer, GPT, loadPretrained, openDevice, saveCheckpoint } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const tokenizer = CharacterTokenizer.fromText("to be");
 * const { vocabSize } = tokenizer;
 * const model = new GPT({ vocabSize, contextLength: 8, layers: 1, heads: 1, width: 8 });
 * const optimizer = new AdamW(model.parameters());
 * const folder = await Deno.makeTempDir();
 * await saveCheckpoint(folder, { model, optimizer, tokenizer });
 * console.log((await loadPretrained(folder)).tokenizer.vocabSize); // 5
 * device.close();
 * ```
 *
 * @throws {UserError} if the disk is full or read-only, or another process writes to the folder
 * @throws {RangeError} if a weight, or a number of the optimizer, is NaN or infinite, so that
 * training could not continue; the previous checkpoint stays as it was
 * @throws {TypeError} if an argument is of another kind, or a name is unknown
 */
export async function saveCheckpoint(
  folder: string | URL | CheckpointFolder,
  checkpoint: Checkpoint,
): Promise<void> {
  const place = folder instanceof CheckpointFolder ? folder : localPath("saveCheckpoint", folder);
  expectCheckpoint("saveCheckpoint", checkpoint);
  const files = await checkpointFiles(checkpoint);
  if (place instanceof CheckpointFolder) await place.save(files);
  else await CheckpointFolder.saveOnce(place, files);
}

/**
 * Begins a checkpoint: reads everything that `saveCheckpoint` saves, so that training may go on
 * while it is written. The result's `saved` settles when the checkpoint is complete, or rejects
 * with a `UserError` as `saveCheckpoint` does.
 *
 * ```ts
 * import { AdamW, beginCheckpoint, CharacterTokenizer, CheckpointFolder, GPT, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const tokenizer = CharacterTokenizer.fromText("to be");
 * const { vocabSize } = tokenizer;
 * const model = new GPT({ vocabSize, contextLength: 8, layers: 1, heads: 1, width: 8 });
 * const optimizer = new AdamW(model.parameters());
 * using folder = await CheckpointFolder.open(await Deno.makeTempDir());
 * const { saved } = await beginCheckpoint(folder, { model, optimizer, tokenizer });
 * // Weights may change now.
 * await saved;
 * device.close();
 * ```
 *
 * @throws {RangeError} if a weight, or a number of the optimizer, is NaN or infinite
 * @throws {TypeError} if an argument is of another kind, or a name is unknown
 */
export async function beginCheckpoint(
  folder: CheckpointFolder,
  checkpoint: Checkpoint,
): Promise<{ saved: Promise<void> }> {
  expectCheckpoint("beginCheckpoint", checkpoint);
  const saved = folder.save(await checkpointFiles(checkpoint));
  saved.catch(() => {}); // reported to whoever waits for it
  return { saved };
}

function expectCheckpoint(operation: string, checkpoint: Checkpoint): void {
  checkOptions(operation, checkpoint, KNOWN);
  expectModel(operation, checkpoint.model);
  expectOptimizer(operation, checkpoint.optimizer);
  expectTokenizer(operation, checkpoint.tokenizer);
}

/** The files of a checkpoint, with all values as they are now. */
async function checkpointFiles(checkpoint: Checkpoint): Promise<NamedFile[]> {
  const { optimizer, run = { step: optimizer.stepsDone } } = checkpoint;
  return [
    ...await modelFiles(checkpoint, stepMetadata(run.step)),
    await optimizerFile(optimizerTensors(checkpoint), run),
    ["run.json", jsonContent(run)],
  ];
}

/** Whose state `loadOptimizerState` restores. */
export interface OptimizerToRestore {
  /** The model of the run, as `loadPretrained` loads it. */
  readonly model: GPT;
  /** The optimizer of the model's parameters, or of the adapter's. */
  readonly optimizer: Optimizer;
  /** The adapter that is trained, as `loadAdapter` loads it. Default: the model is trained. */
  readonly adapter?: LoraAdapter;
}

/**
 * Loads an optimizer's state and step from a run's folder into `optimizer`, so that training
 * continues with the same bits as one that was never stopped.
 *
 * @throws {UserError} if a file is missing, malformed, or does not match the model
 * @throws {TypeError} if `folder` is neither a path nor a `file:` address, or a name is unknown
 */
export async function loadOptimizerState(
  folder: string | URL,
  into: OptimizerToRestore,
): Promise<void> {
  const path = localPath("loadOptimizerState", folder);
  checkOptions("loadOptimizerState", into, { model: true, optimizer: true, adapter: true });
  const { model, optimizer } = into;
  expectModel("loadOptimizerState", model);
  expectOptimizer("loadOptimizerState", optimizer);
  const { step } = await loadRunState(path);
  await loadTensors(path, optimizerTensors(into), LOSS_SCALE);
  optimizer.restore(step);
}

/** The name of an optimizer's loss scale, which runs in full precision do not have. */
const LOSS_SCALE = "loss_scale";

function optimizerTensors({ model, adapter, optimizer }: OptimizerToRestore): Map<string, Tensor> {
  const tensors = stateTensors(optimizer, (adapter ?? model).namedParameters());
  if (optimizer.lossScale) tensors.set(LOSS_SCALE, optimizer.lossScale.state);
  return tensors;
}
