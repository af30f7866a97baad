/**
 * `optimizer.safetensors` of a checkpoint: the state of an optimizer, by the names of the
 * parameters that it trains.
 *
 * See checkpoint.ts and classifier_checkpoint.ts for what else the file holds.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import type { NamedFile } from "../files.ts";
import { encodeSafetensors, type SafetensorsFile } from "../hub/safetensors.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { isMissing } from "../regular_file.ts";
import { sameShape } from "../shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { rememberedRun, type RunState, stepMetadata, withTensors } from "./checkpoint_state.ts";
import { entriesOf } from "./model_files.ts";

const FILE = "optimizer.safetensors";

/**
 * The tensors of an optimizer's state as `<parameter>.<state>`; `parameters` names what it trains.
 */
export function stateTensors(
  optimizer: Optimizer,
  parameters: ReadonlyMap<string, Tensor>,
): Map<string, Tensor> {
  const names = new Map([...parameters].map(([name, tensor]) => [tensor, name]));
  const tensors = new Map<string, Tensor>();
  for (const [state, parts] of optimizer.stateParts()) {
    for (const [parameter, part] of parts) tensors.set(`${names.get(parameter)}.${state}`, part);
  }
  return tensors;
}

/**
 * The file of these tensors, f32, in a checkpoint of `run`.
 *
 * @throws {RangeError} if a number is NaN or infinite
 */
export async function optimizerFile(
  tensors: Map<string, Tensor>,
  run: RunState,
): Promise<NamedFile> {
  const metadata = { ...stepMetadata(run.step), run: rememberedRun(run) };
  return [FILE, encodeSafetensors(await entriesOf(tensors), metadata)];
}

/**
 * Writes what a folder's file holds into these tensors, by their names. One called `optional` keeps
 * its values if the file lacks it.
 *
 * @throws {UserError} if the file is missing or malformed, or a tensor is missing or of another
 *   shape
 */
export async function loadTensors(
  folder: string,
  tensors: ReadonlyMap<string, Tensor>,
  optional?: string,
): Promise<void> {
  await withOptimizerFile(folder, async (file) => {
    for (const [name, tensor] of tensors) {
      const stored = file.tensors.get(name);
      if (name === optional && !stored) continue;
      if (!stored || !sameShape(stored.shape, tensor.shape)) {
        throw new SyntaxError(`${file.name}: expected ${name} as ${tensor}, got ${stored?.shape}`);
      }
      tensor.write(await file.float32(name));
    }
  });
}

async function withOptimizerFile(
  folder: string,
  body: (file: SafetensorsFile) => Promise<void>,
): Promise<void> {
  try {
    await withTensors(folder, FILE, body);
  } catch (error) {
    const { cause } = error as Error;
    if (!isMissing(cause)) throw error;
    throw new UserError(
      `${folder}: it holds no ${FILE}, without which training cannot continue; ` +
        "restore it, or begin a new run from the weights",
      { cause },
    );
  }
}
