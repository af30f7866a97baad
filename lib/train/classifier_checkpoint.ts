/**
 * A classifier's checkpoint: the state of its training, from which it continues with the same bits,
 * and, if wanted, the model and the run's reports beside it.
 *
 * `optimizer.safetensors` holds `<parameter>` and `<parameter>.<state>` for each parameter of the
 * optimizer. checkpoint_folder.ts writes the files so that a kill never mixes two steps;
 * checkpoint.ts is for language models.
 *
 * @module
 */
import { jsonContent, type NamedFile } from "../files.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { checkOptions } from "../options.ts";
import { localPath } from "../place.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { CheckpointFolder } from "./checkpoint_folder.ts";
import { loadRunState, type RunState, stepMetadata } from "./checkpoint_state.ts";
import { loadTensors, optimizerFile, stateTensors } from "./checkpoint_tensors.ts";
import { classifierFiles, type TrainedClassifier } from "./classifier_model_files.ts";

/** What is trained. */
export interface TrainedState {
  /** The parameters by name, at least those of the optimizer. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** The optimizer. */
  readonly optimizer: Optimizer;
}

/** What a checkpoint of a classifier consists of. */
export interface ClassifierCheckpoint extends TrainedState {
  /** The step, and anything else to keep in `run.json`. */
  readonly run: RunState;
  /** Also save the model's files, or its adapter's. Default: the state of the training alone. */
  readonly model?: TrainedClassifier;
  /** The contents of other files by name, such as reports. Default: none. */
  readonly texts?: ReadonlyMap<string, string>;
}

/**
 * Saves everything together into a folder that this process has opened: after a kill at any moment
 * it holds either this checkpoint or the previous one, complete. `loadClassifierState` continues
 * from it, `loadRunState` reads `run.json`; returns the names of all files.
 *
 * @throws {UserError} if the disk is full or read-only
 * @throws {RangeError} if a number is NaN or infinite
 * @throws {TypeError} if a name is unknown
 */
export async function saveClassifierCheckpoint(
  folder: CheckpointFolder,
  checkpoint: ClassifierCheckpoint,
): Promise<string[]> {
  const known = { parameters: true, optimizer: true, run: true, model: true, texts: true };
  checkOptions("saveClassifierCheckpoint", checkpoint, known);
  const { run, model, texts = new Map<string, string>() } = checkpoint;
  const files: NamedFile[] = [
    ...model ? await classifierFiles(model, stepMetadata(run.step)) : [],
    ...Array.from(texts, ([name, text]): NamedFile => [name, [new TextEncoder().encode(text)]]),
    await optimizerFile(tensorsOf(checkpoint), run),
    ["run.json", jsonContent(run)],
  ];
  await folder.save(files);
  return files.map(([name]) => name);
}

/**
 * Loads what a checkpoint of the same parameters holds, so that training continues with the same
 * bits as one that was never stopped.
 *
 * @throws {UserError} if the file is missing, malformed, or of other parameters
 * @throws {TypeError} if `folder` is neither a path nor a `file:` address, or a name is unknown
 */
export async function loadClassifierState(folder: string | URL, into: TrainedState): Promise<void> {
  const path = localPath("loadClassifierState", folder);
  checkOptions("loadClassifierState", into, { parameters: true, optimizer: true });
  const { step } = await loadRunState(path);
  await loadTensors(path, tensorsOf(into));
  into.optimizer.restore(step);
}

/** The parameters that the optimizer trains, and its state. */
function tensorsOf({ parameters, optimizer }: TrainedState): Map<string, Tensor> {
  const names = new Map([...parameters].map(([name, tensor]) => [tensor, name]));
  const trained = optimizer.parameters.map((tensor) => [names.get(tensor)!, tensor] as const);
  return new Map([...trained, ...stateTensors(optimizer, parameters)]);
}
