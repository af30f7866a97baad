/**
 * What reading every kind of adapter has in common: finding its files, and knowing its base.
 *
 * load_adapter.ts reads LoRA, prompt_files.ts learned prompts.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { readText, type Repository } from "../hub/repository.ts";
import { assertFinite, SafetensorsFile } from "../hub/safetensors.ts";
import { formatShape, sameShape, type Shape } from "../shape.ts";
import { type AdaptableModel, baseParameters } from "./adaptable_model.ts";
import { CONFIG_FILE } from "./adapter_config.ts";
import { BASE_HASH, WEIGHTS_FILE } from "./adapter_files.ts";
import { fingerprint } from "./fingerprint.ts";
import { wholeParameters } from "./whole_modules.ts";

/** Reads `adapter_config.json` with `read`, whose errors get the adapter's name. */
export async function readAdapterFile<Read>(
  repository: Repository,
  read: (text: string) => Read,
): Promise<Read> {
  const text = await readText(repository, CONFIG_FILE);
  if (text === undefined) {
    throw new UserError(`adapter ${repository.name}: it has no ${CONFIG_FILE}; give its folder`);
  }
  try {
    return read(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new SyntaxError(`adapter ${repository.name}: ${cause.message}`, { cause });
  }
}

/** Opens the file of an adapter's tensors. */
export async function openTensors(repository: Repository): Promise<SafetensorsFile> {
  const source = await repository.open(WEIGHTS_FILE);
  if (source) return await SafetensorsFile.open(source);
  const pickled = await repository.open("adapter_model.bin");
  pickled?.close();
  throw new UserError(
    `adapter ${repository.name}: ` +
      (pickled
        ? "its numbers are in adapter_model.bin, a Python pickle, which can run any program as it is " +
          `read; Folio reads ${WEIGHTS_FILE} only: save it with safe_serialization=True`
        : `it has no ${WEIGHTS_FILE}`),
  );
}

/** Throws if the file says that the adapter was trained on other weights. */
export async function expectBase(
  file: SafetensorsFile,
  model: AdaptableModel,
  modulesToSave: readonly string[] = [],
): Promise<void> {
  const expected = file.metadata.get(BASE_HASH);
  if (expected === undefined) return;
  const whole = wholeParameters(model, modulesToSave);
  const parameters = new Map([...baseParameters(model)].filter(([name]) => !whole.has(name)));
  if ([...parameters.values()].some(({ storage }) => storage.disposed)) return; // rounded
  const found = await fingerprint(parameters);
  if (found === expected) return;
  throw new UserError(
    `${file.name}: it was trained on a model with other weights (SHA-256 ${
      expected.slice(0, 12)
    }…) ` +
      `than this one's (${found.slice(0, 12)}…); load its base`,
  );
}

/** A tensor of finite numbers and of this shape. */
export async function readTensor(
  file: SafetensorsFile,
  key: string,
  shape: Shape,
): Promise<Float32Array<ArrayBuffer>> {
  const found = file.tensors.get(key);
  if (!found || !sameShape(found.shape, shape)) {
    throw new SyntaxError(
      `${file.name}: ${key}: expected ${formatShape(shape)}, as the model has it, got ` +
        `${found ? formatShape(found.shape) : "none"}; the adapter is of another base`,
    );
  }
  const data = await file.float32(key);
  assertFinite(`${key} of ${file.name}`, data);
  return data;
}
