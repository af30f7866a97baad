/**
 * A published language model from a folder, an address or the hub, its weights on the device.
 *
 * Where files lie is repository.ts's, what they hold config.ts's and weight_files.ts's.
 *
 * @module
 */
import type { Device } from "../device/device.ts";
import { currentDevice, onDevice } from "../device/current_device.ts";
import { type ModelConfig, modelConfig } from "../nn/config.ts";
import { GPT } from "../nn/gpt.ts";
import { withoutInitialValues } from "../nn/initializers.ts";
import type { Module } from "../nn/module.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { namesOf, type PretrainedConfig, readGenerationConfig, readModelConfig } from "./config.ts";
import { fillParameters } from "./fill_parameters.ts";
import type { ArchitectureNames } from "./format.ts";
import { readTokenizer } from "./pretrained_tokenizer.ts";
import { openRepository, type RepositoryOptions } from "./open_repository.ts";
import { readText, type Repository, requireText } from "./repository.ts";
import type { WeightsProgress } from "./weight_files.ts";

/** How to load a model. */
export interface LoadOptions extends RepositoryOptions {
  /** The type that is computed in: `f32`, to which f16, bf16 and f64 on disk are converted. */
  readonly dtype?: "f32";
  /** Where the weights go. Default: the device opened last. */
  readonly device?: Device;
  /** Whether to read the tokenizer too. Default true. */
  readonly tokenizer?: boolean;
  /** Called while weights are read. */
  readonly onProgress?: (progress: WeightsProgress) => void;
}

/** How to load a language model. */
export interface LoadModelOptions extends LoadOptions {
  /**
   * The longest sequence, where that is to be shorter than the model's own: the cache of generation
   * takes memory in proportion. Not for learned positions, whose table is the model's.
   */
  readonly contextLength?: number;
}

/** A loaded language model. */
export interface Pretrained extends PretrainedConfig {
  /** The model. */
  readonly model: GPT;
  /** Its tokenizer; undefined where there is none beside the weights. */
  readonly tokenizer: Tokenizer | undefined;
}

/**
 * Loads a GPT-2, GPT-Neo, Llama, Mistral or Qwen2 in Hugging Face's format, or a model that Folio
 * saved, from a folder, the `file:`, `http:` or `https:` address of one, or by its name on the hub
 * (`openai-community/gpt2`).
 *
 * Weights are safetensors, in one file or several. They come tensor by tensor; what came over a
 * network is kept in the Web Cache, and a download that broke off goes on where it ended.
 * `HF_ENDPOINT` names another hub, `HF_TOKEN` is sent to it, both where the process may read them.
 *
 * @throws {UserError} where the model or one of its files cannot be had, or its weights are a
 *   Python pickle
 * @throws {SyntaxError} where a file is malformed or does not fit the configuration; missing and
 *   unexpected tensors are listed
 * @throws {RangeError} where a weight is NaN or infinite, or an option is out of range
 *
 * ```ts
 * import { GPT, loadPretrained, openDevice, savePretrained } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const folder = await Deno.makeTempDir();
 * await savePretrained(folder, { model: new GPT({ vocabSize: 65, contextLength: 32, layers: 1, heads: 2, width: 16 }) });
 * const { model, architecture } = await loadPretrained(folder);
 * console.log(architecture, model.parameterCount); // gpt2 4848
 * device.close();
 * ```
 */
export async function loadPretrained(
  location: string | URL,
  options: LoadModelOptions = {},
): Promise<Pretrained> {
  const repository = openRepository(location, options);
  const device = checkedDevice(options);
  const { architecture, config: whole, ...ends } = await readConfig(repository, readModelConfig);
  const config = shortened(whole, options.contextLength);
  const generation = await readText(repository, "generation_config.json");
  const { endTokens, ...own } = generation === undefined ? ends : readGenerationConfig(generation);
  const tokenizer = options.tokenizer === false ? undefined : await readTokenizer(repository);
  const names = namesOf(architecture);
  const model = await filledModel(() => new GPT(config), { repository, names, device }, options);
  const allEnds = { ...ends, ...own, endTokens: endTokens.length > 0 ? endTokens : ends.endTokens };
  return { architecture, config, ...allEnds, model, tokenizer };
}

function shortened(config: ModelConfig, contextLength: number | undefined): ModelConfig {
  if (contextLength === undefined || contextLength === config.contextLength) return config;
  if (config.positions === "learned" || contextLength > config.contextLength) {
    throw new RangeError(
      `loadPretrained: contextLength: the model's is ${config.contextLength}` +
        `${config.positions === "learned" ? ", a learned table" : ""}; got ${contextLength}`,
    );
  }
  return modelConfig({ ...config, contextLength });
}

/** The device to load to. RangeError for a type that Folio does not compute in. */
export function checkedDevice({ dtype = "f32", device = currentDevice() }: LoadOptions): Device {
  if (dtype === "f32") return device;
  throw new RangeError(`loadPretrained: dtype: expected f32, the type computed in, got ${dtype}`);
}

/** Reads `config.json`; an error names the model. */
export async function readConfig<Config>(
  repository: Repository,
  read: (text: string) => Config,
): Promise<Config> {
  const text = await requireText(repository, "config.json");
  try {
    return read(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new SyntaxError(`model ${repository.name}: ${cause.message}`, { cause });
  }
}

/** Makes a model on the device and fills it; its memory is given back where that fails. */
export async function filledModel<Model extends Module>(
  make: () => Model,
  from: { repository: Repository; names: ArchitectureNames; device: Device },
  options: LoadOptions,
): Promise<Model> {
  const model = onDevice(from.device, () => withoutInitialValues(make));
  try {
    await fillParameters(model, from.repository, from.names, options);
    return model;
  } catch (error) {
    for (const parameter of model.parameters()) parameter.dispose();
    throw error;
  }
}
