/**
 * A LoRA adapter from PEFT's files, on a model that is loaded.
 *
 * See adapter_files.ts for writing them, adapter_config.ts for the configuration.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import {
  openRepository,
  PLACES,
  REPOSITORY_OPTIONS,
  type RepositoryOptions,
} from "../hub/open_repository.ts";
import { readParameters } from "../hub/parameters.ts";
import type { Repository } from "../hub/repository.ts";
import type { SafetensorsFile } from "../hub/safetensors.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { expectPlace } from "../place.ts";
import { formatShape, type Shape } from "../shape.ts";
import { tensor } from "../tensor/tensor.ts";
import { adaptableLayers } from "./adaptable_layers.ts";
import {
  type AdaptableModel,
  expectAdaptable,
  namesOfModel,
  taskOf,
  tokensOf,
} from "./adaptable_model.ts";
import { type AdapterConfig, readAdapterConfig } from "./adapter_config.ts";
import { type AdaptedLayer, LoraAdapter } from "./lora_adapter.ts";
import { sizeOfUpdate } from "./lora_options.ts";
import { PREFIX, wholeKey } from "./adapter_files.ts";
import { expectBase, openTensors, readAdapterFile, readTensor } from "./read_adapter.ts";
import { isInModules, tiedTable } from "./whole_modules.ts";

/** How to load an adapter. */
export interface LoadAdapterOptions extends RepositoryOptions {
  /** Whether `parameters()` lists its numbers, for an optimizer. Default false. */
  readonly trainable?: boolean;
}

/** The names of these options. */
export const LOAD_ADAPTER_OPTIONS: OptionNames<LoadAdapterOptions> = {
  ...REPOSITORY_OPTIONS,
  trainable: false,
};

/**
 * Loads an adapter of PEFT or of `saveAdapter` from a folder, an address or the hub, and attaches
 * it to its base.
 *
 * ```ts
 * import { attachLora, GPT, loadAdapter, openDevice, saveAdapter } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 4, layers: 1, heads: 1, width: 16 });
 * const folder = await Deno.makeTempDir();
 * await saveAdapter(folder, attachLora(model));
 * const adapter = await loadAdapter(folder, model, { trainable: true });
 * console.log(adapter.parameters().length); // 2
 * device.close();
 * ```
 *
 * @throws {UserError} if it is not found, is a Python pickle, or was trained on other weights
 * @throws {SyntaxError} if a file is malformed, a variant of LoRA is on, or a tensor does not fit
 * the model
 * @throws {RangeError} if a number is NaN or infinite
 * @throws {TypeError} if `place` is none, or an option is unknown
 */
export async function loadAdapter<Model extends AdaptableModel>(
  place: string | URL,
  model: Model,
  options: LoadAdapterOptions = {},
): Promise<LoraAdapter<Model>> {
  expectPlace("loadAdapter", place, PLACES);
  expectAdaptable("loadAdapter", model);
  checkOptions("loadAdapter", options, LOAD_ADAPTER_OPTIONS);
  const repository = openRepository(place, options);
  const config = await readConfig(repository);
  expectTask(repository, model, config);
  const file = await openTensors(repository);
  try {
    return await readAdapter(file, model, { config, trainable: options.trainable ?? false });
  } finally {
    file.close();
  }
}

/**
 * Reads what an adapter's configuration says: its base and its task.
 *
 * @throws {UserError} if there is none
 * @throws {SyntaxError} if it is malformed or a variant of LoRA is on
 */
export async function loadAdapterConfig(
  place: string | URL,
  options: RepositoryOptions = {},
): Promise<AdapterConfig> {
  expectPlace("loadAdapterConfig", place, PLACES);
  checkOptions("loadAdapterConfig", options, REPOSITORY_OPTIONS);
  return await readConfig(openRepository(place, options));
}

async function readConfig(repository: Repository): Promise<AdapterConfig> {
  return await readAdapterFile(repository, readAdapterConfig);
}

/** Throws if the adapter is for another task: it would have no head, or one too many. */
function expectTask({ name }: Repository, model: AdaptableModel, { task }: AdapterConfig): void {
  if (task === undefined || task === taskOf(model)) return;
  const wanted = task === "SEQ_CLS"
    ? "it classifies texts; load it onto a TextClassifier or a SequenceClassifier"
    : "it is for a language model; load it onto a GPT";
  throw new UserError(`adapter ${name}: ${wanted}`);
}

/** How a file of tensors is read. */
interface Reading {
  readonly config: AdapterConfig;
  readonly trainable: boolean;
}

async function readAdapter<Model extends AdaptableModel>(
  file: SafetensorsFile,
  model: Model,
  { config: { choices }, trainable }: Reading,
): Promise<LoraAdapter<Model>> {
  const unread = new Set(file.tensors.keys());
  const read = async (key: string, shape: Shape) => {
    unread.delete(key);
    return await readTensor(file, key, shape);
  };
  const layers: AdaptedLayer[] = [];
  for (const layer of adaptableLayers(model)) {
    const key = `${PREFIX}${layer.name}.lora_A.weight`;
    const found = file.tensors.get(key);
    if (!found) continue;
    const { rank, scale } = sizeOfUpdate(choices, layer.name);
    const a = await read(key, [rank, layer.inputs]);
    const b = await read(`${PREFIX}${layer.name}.lora_B.weight`, [layer.outputs, rank]);
    const { start, column } = layer;
    const { dropout } = choices;
    const { device } = tokensOf(model).weight;
    const update = {
      a: tensor(a, { shape: [rank, layer.inputs], device }),
      b: tensor(fromStoredRows(b, rank, column), { shape: [layer.outputs, rank], device }),
      scale,
      start,
      dropout,
    };
    layers.push({ ...layer, update });
  }
  expectLayers(file, layers, model);
  expectUntied(file, model, choices.modulesToSave);
  await expectBase(file, model, choices.modulesToSave);
  const adapter = new LoraAdapter(model, layers, choices, trainable);
  try {
    await readWhole(adapter, file, unread);
    expectAllRead(file, unread, model);
  } catch (error) {
    adapter.detach();
    throw error;
  }
  return adapter;
}

/** Rows of B in Folio's order of outputs. */
function fromStoredRows(
  stored: Float32Array<ArrayBuffer>,
  rank: number,
  column: ((c: number) => number) | undefined,
): Float32Array<ArrayBuffer> {
  if (!column) return stored;
  const data = new Float32Array(stored.length);
  for (let c = 0; c < data.length / rank; c++) {
    data.set(stored.subarray(column(c) * rank, (column(c) + 1) * rank), c * rank);
  }
  return data;
}

/** Writes the file's biases and whole modules to the model; `unread` loses their keys. */
async function readWhole(
  { model, layers, biases, whole }: LoraAdapter<AdaptableModel>,
  file: SafetensorsFile,
  unread: Set<string>,
): Promise<void> {
  const trained = new Map([...biases, ...whole]);
  if (trained.size === 0) return;
  const adapted = new Set(layers.map(({ name }) => name));
  const names = namesOfModel(model);
  const keys = new Map<string, string>();
  for (const name of trained.keys()) {
    for (const stored of names.source(name).names) {
      // Files of older versions of PEFT say `.bias` where newer ones say `.base_layer.bias`.
      const either = [wholeKey(stored, adapted), stored].map((key) => `${PREFIX}${key}`);
      const key = either.find((key) => unread.delete(key));
      if (key === undefined) {
        throw new SyntaxError(
          `${file.name}: it has no ${either[0]}, which its configuration names`,
        );
      }
      keys.set(stored, key);
    }
  }
  const tensors = new Map([...keys].map(([name, key]) => [name, file.tensors.get(key)!]));
  const float32 = (name: string) => file.float32(keys.get(name)!);
  const shapes = new Map([...trained].map(([name, { shape }]) => [name, shape]));
  const stored = { name: file.name, tensors, float32 };
  for await (const [name, data] of readParameters(stored, shapes, names)) {
    trained.get(name)!.write(data);
  }
}

function expectLayers(
  file: SafetensorsFile,
  layers: readonly AdaptedLayer[],
  model: AdaptableModel,
): void {
  if (layers.length > 0) return;
  const [[key, { shape }] = ["none", { shape: [] }]] = file.tensors;
  throw new SyntaxError(
    `${file.name}: expected tensors such as ${PREFIX}….lora_A.weight for layers of the model, got ` +
      key + (tableAdvice(key, shape, model) || "; the adapter is of another base"),
  );
}

/** PEFT replaces the token table where tokens are read, and leaves a head that was tied to it. */
function expectUntied(
  { name }: SafetensorsFile,
  model: AdaptableModel,
  modulesToSave: readonly string[],
): void {
  const table = tiedTable(model);
  if (!table || !isInModules(table, modulesToSave)) return;
  throw new SyntaxError(
    `${name}: it replaces ${table} but not the head that is tied to it in this model, as ` +
      "modules_to_save says, which Folio does not compute; load it onto a base with an untied head",
  );
}

function expectAllRead(
  file: SafetensorsFile,
  unread: ReadonlySet<string>,
  model: AdaptableModel,
): void {
  if (unread.size === 0) return;
  const [key] = unread;
  const { shape } = file.tensors.get(key)!;
  throw new SyntaxError(
    `${file.name}: ${key} ${formatShape(shape)} belongs to none of the model's ` +
      `${adaptableLayers(model).length} linear layers${tableAdvice(key, shape, model)}`,
  );
}

/**
 * Why a tensor of a token table is not read: an adapter on it, or a vocabulary that was resized.
 */
function tableAdvice(key: string, [rows]: Shape, model: AdaptableModel): string {
  if (!/\.(wte|embed_tokens|embed_in|word_embeddings|lm_head)\./.test(key)) return "";
  if (/\.lora_/.test(key)) {
    return "; it updates a token table or a head that is tied to one, which Folio does not; merge " +
      "it with PEFT's merge_and_unload, or train it without that module";
  }
  const own = tokensOf(model).weight.shape[0];
  return `; the adapter holds a whole token table of ${rows} rows, as with a resized vocabulary, ` +
    `and the base's has ${own}`;
}
