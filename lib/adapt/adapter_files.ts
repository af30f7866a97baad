/**
 * A LoRA adapter as the files that Python's PEFT opens: `adapter_config.json` and
 * `adapter_model.safetensors`.
 *
 * See load_adapter.ts for reading them. The base is never copied.
 *
 * @module
 */
import { assertFinite, encodeSafetensors, type SafetensorsEntry } from "../hub/safetensors.ts";
import { storedTensors } from "../hub/stored_tensors.ts";
import { jsonContent, makeFolder, type NamedFile, writeFileAtomically } from "../files.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { localPath } from "../place.ts";
import type { Shape } from "../shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type AdaptableModel, baseParameters, namesOfModel, taskOf } from "./adaptable_model.ts";
import { VERSION } from "../version.ts";
import { type AdapterTask, CONFIG_FILE, writeAdapterConfig } from "./adapter_config.ts";
import { fingerprint } from "./fingerprint.ts";
import type { LoraAdapter } from "./lora_adapter.ts";
import { ALL_LINEAR, endings } from "./module_matching.ts";

/** The name of the file of tensors. */
export const WEIGHTS_FILE = "adapter_model.safetensors";

/** What PEFT puts before the name of every module. */
export const PREFIX = "base_model.model.";

/** The key in the file's metadata that holds the base's fingerprint. */
export const BASE_HASH = "base_sha256";

/** What the files say besides the adapter. */
export interface SaveAdapterOptions {
  /** The base's name on the hub, or its path. Default: none. */
  readonly base?: string;
  /** What the model was trained for. Default `"CAUSAL_LM"`, for a classifier `"SEQ_CLS"`. */
  readonly task?: AdapterTask;
}

const OPTIONS: OptionNames<SaveAdapterOptions> = { base: undefined, task: undefined };

/**
 * Saves an adapter to a folder, which is made if it is missing. Its numbers are f32; files of an
 * adapter that are there are replaced.
 *
 * ```ts
 * import { attachLora, GPT, loadAdapter, openDevice, saveAdapter } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 4, layers: 1, heads: 1, width: 16 });
 * const folder = await Deno.makeTempDir();
 * const adapter = attachLora(model, { rank: 2 });
 * await saveAdapter(folder, adapter, { base: "runs/baby" });
 * adapter.detach();
 * console.log((await loadAdapter(folder, model)).report.modules); // [ "transformer.h.0.attn.c_attn" ]
 * device.close();
 * ```
 *
 * @throws {UserError} if the folder cannot be written
 * @throws {RangeError} if a number of the adapter is NaN or infinite
 * @throws {TypeError} if `folder` is no path, or an option is unknown
 */
export async function saveAdapter(
  folder: string | URL,
  adapter: LoraAdapter<AdaptableModel>,
  options: SaveAdapterOptions = {},
): Promise<void> {
  const path = localPath("saveAdapter", folder);
  checkOptions("saveAdapter", options, OPTIONS);
  const files = await adapterFiles(adapter, options);
  await makeFolder(path);
  for (const [name, chunks] of files) await writeFileAtomically(`${path}/${name}`, chunks);
}

/**
 * The files of an adapter, the tensors' first; `metadata` is added to theirs.
 *
 * @throws {RangeError} if a number of the adapter is NaN or infinite
 */
export async function adapterFiles(
  adapter: LoraAdapter<AdaptableModel>,
  { base, task = taskOf(adapter.model) }: SaveAdapterOptions,
  metadata: Readonly<Record<string, string>> = {},
): Promise<NamedFile[]> {
  const { model, choices } = adapter;
  const isConvolution = namesOfModel(model).name === "gpt2"; // whose weights are [inputs, outputs]
  const modules = choices.modules === ALL_LINEAR ? endings(adapter.layers) : choices.modules;
  const config = writeAdapterConfig(
    { choices: { ...choices, modules }, base, task },
    isConvolution,
  );
  const own = {
    format: "pt",
    folio_version: VERSION, // in the configuration PEFT would warn of an unknown key
    ...metadata,
    [BASE_HASH]: await baseFingerprint(adapter),
  };
  const tensors = await adapterTensors(adapter);
  return [
    [WEIGHTS_FILE, encodeSafetensors(tensors, own)],
    [CONFIG_FILE, jsonContent(config)],
  ];
}

/** Fingerprints of bases, which stay the same while their adapters are trained and saved. */
const fingerprints = new WeakMap<LoraAdapter<AdaptableModel>, Promise<string>>();

/** The fingerprint of the model without the adapter and the modules that are saved whole. */
function baseFingerprint(adapter: LoraAdapter<AdaptableModel>): Promise<string> {
  const known = fingerprints.get(adapter);
  if (known) return known;
  const named = [...baseParameters(adapter.model)].filter(([name]) => !adapter.whole.has(name));
  const base = new Map(named.map(([name, tensor]) => [name, adapter.baseOf(tensor)]));
  const computed = fingerprint(base);
  fingerprints.set(adapter, computed);
  return computed;
}

async function adapterTensors(
  { model, layers, biases, whole }: LoraAdapter<AdaptableModel>,
): Promise<[string, SafetensorsEntry][]> {
  const reads = layers.map(async ({ name, update: { a, b }, column }) => {
    const inner: SafetensorsEntry = { shape: a.shape, data: await finiteData(name, a) };
    const data = toStoredRows(await finiteData(name, b), b.shape, column);
    const outer: SafetensorsEntry = { shape: b.shape, data };
    return [[`${name}.lora_A.weight`, inner], [`${name}.lora_B.weight`, outer]] as const;
  });
  const entries: (readonly [string, SafetensorsEntry])[] = (await Promise.all(reads)).flat();
  const adapted = new Set(layers.map(({ name }) => name));
  const asStored = storedTensors(model.config, namesOfModel(model));
  for (const [name, tensor] of [...biases, ...whole]) {
    const data = await finiteData(name, tensor);
    for (const { name: stored, ...entry } of asStored({ name, shape: tensor.shape, data })) {
      entries.push([wholeKey(stored, adapted), entry]);
    }
  }
  return entries.map(([key, entry]) => [`${PREFIX}${key}`, entry]);
}

/** Rows of B in the published model's order of outputs. */
function toStoredRows(
  data: Float32Array<ArrayBuffer>,
  [outputs, rank]: Shape,
  column: ((c: number) => number) | undefined,
): Float32Array<ArrayBuffer> {
  if (!column) return data;
  const stored = new Float32Array(data.length);
  for (let c = 0; c < outputs; c++) {
    stored.set(data.subarray(c * rank, (c + 1) * rank), column(c) * rank);
  }
  return stored;
}

/** PEFT's key of a tensor that is saved whole: adapted layers hold theirs in `base_layer`. */
export function wholeKey(name: string, adapted: ReadonlySet<string>): string {
  const dot = name.lastIndexOf(".");
  const module = name.slice(0, dot);
  return adapted.has(module) ? `${module}.base_layer${name.slice(dot)}` : name;
}

async function finiteData(name: string, tensor: Tensor): Promise<Float32Array<ArrayBuffer>> {
  const data = await tensor.data() as Float32Array<ArrayBuffer>;
  assertFinite(name, data);
  return data;
}
