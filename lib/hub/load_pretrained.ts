/**
 * A language model from a folder, an address or the hub, its weights on the device: a published
 * one, one that `savePretrained` saved, or a run of training.
 *
 * open_repository.ts finds the files, config.ts and weight_files.ts read them.
 *
 * @module
 */
import type { Device } from "../device/device.ts";
import { currentDevice, onDevice } from "../device/current_device.ts";
import { type ModelConfig, modelConfig } from "../nn/config.ts";
import { GPT } from "../nn/gpt.ts";
import { withoutInitialValues } from "../nn/initializers.ts";
import type { Module } from "../nn/module.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import type { Rounding } from "../ops/quantized_matrix.ts";
import { expectPlace } from "../place.ts";
import type { Progress } from "../progress.ts";
import { namesOf, type PretrainedConfig, readModelConfig } from "./config.ts";
import { contentRepository, isModelFiles, type ModelFiles } from "./content_repository.ts";
import { expectSize, type ModelSizes } from "./expect_size.ts";
import { rememberNames } from "./file_names.ts";
import { fillParameters } from "./fill_parameters.ts";
import type { ArchitectureNames } from "./format.ts";
import {
  type GenerationConfig,
  readGenerationConfig,
  type SamplingDefaults,
} from "./generation_config.ts";
import { tokenizerBeside } from "./load_tokenizer.ts";
import {
  openRepository,
  PLACES,
  REPOSITORY_OPTIONS,
  type RepositoryOptions,
} from "./open_repository.ts";
import { readText, type Repository, requireText } from "./repository.ts";
import { roundedWeights, roundingOf, roundOthers, type WeightType } from "./quantized_weights.ts";
import { withStoredHead } from "./stored_head.ts";
import type { TextEnds } from "./text_ends.ts";
import { openWeights } from "./weight_files.ts";
import type { Weights } from "./weights.ts";
import { type WithTokenizer, withTokenizer } from "./with_tokenizer.ts";

/** How to load a model. */
export interface LoadOptions extends RepositoryOptions {
  /** Type of the weights in memory: `f32`; f16, bf16 and f64 on disk are converted. */
  readonly dtype?: "f32";
  /** The device of the weights. Default: the device opened last. */
  readonly device?: Device;
  /** Whether to load the tokenizer, too. Default true. */
  readonly tokenizer?: boolean;
  /** Called while weights are read. */
  readonly onProgress?: (progress: Progress) => void;
}

/** The names of these options, for the functions that take them. */
export const LOAD_OPTIONS: OptionNames<LoadOptions> = {
  ...REPOSITORY_OPTIONS,
  dtype: "f32",
  device: undefined,
  tokenizer: true,
  onProgress: undefined,
};

/** How to load a language model. */
export interface LoadPretrainedOptions extends LoadOptions {
  /**
   * Maximum length of a sequence, at most the model's own: the memory of generation's cache is
   * proportional to it. Not for learned positions, whose table has a fixed length.
   */
  readonly contextLength?: number;
  /**
   * Storage of the weights in memory: `f32`, or `bf16`, `f16`, `int8` or `int4`, as `quantize`
   * rounds them, but while they are read, so that the whole is never held in float32. A file's own
   * 16-bit type keeps its weights exactly. Such a model can generate and be evaluated, but neither
   * trained nor saved. Default `f32`.
   */
  readonly weights?: WeightType;
  /** Replaces all dropout rates of the model's configuration, in [0, 1). */
  readonly dropout?: number;
}

/** A loaded language model. */
export interface Pretrained extends PretrainedConfig, WithTokenizer {
  /** The model. */
  readonly model: GPT;
  /** How its makers sample from it, by its `generation_config.json`: options of `generate`. */
  readonly sampling: SamplingDefaults;
}

/**
 * Loads a language model of a family in config.ts's `FORMATS` in Hugging Face's format, one that
 * `savePretrained` saved, or a run of training, from a folder, the `file:`, `http:` or `https:`
 * address of one, or by its name on the hub (`openai-community/gpt2`); or a GGUF file by its path
 * or address, or that of its folder, its numbers and tokenizer as llama.cpp reads them.
 *
 * Weights are safetensors, in one file or several, and are read tensor by tensor. Downloads are
 * kept in the Web Cache; one that was interrupted resumes. `HF_ENDPOINT` names another hub,
 * `HF_TOKEN` is sent to it, both if the process may read them. The folder of a run holds one
 * checkpoint, also while another is being saved.
 *
 * Instead of a place, `place` may be the files themselves, by their names, as a page has them.
 *
 * ```ts
 * import { GPT, loadPretrained, openDevice, savePretrained } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const folder = await Deno.makeTempDir();
 * await savePretrained(folder, new GPT({ vocabSize: 65, contextLength: 32, layers: 1, heads: 2, width: 16 }));
 * const { model, architecture } = await loadPretrained(folder);
 * console.log(architecture, model.parameterCount); // gpt2 4848
 * device.close();
 * ```
 *
 * @throws {UserError} if the model or one of its files cannot be reached, or its weights are a
 * Python pickle
 * @throws {SyntaxError} if a file is malformed or does not match the configuration; missing and
 * unexpected tensors are listed
 * @throws {RangeError} if a weight is NaN or infinite, or an option is out of range
 * @throws {TypeError} if `place` is neither a string, a URL nor files, or an option is unknown
 */
export async function loadPretrained(
  place: string | URL | ModelFiles,
  options: LoadPretrainedOptions = {},
): Promise<Pretrained> {
  if (!isModelFiles(place)) expectPlace("loadPretrained", place, PLACES);
  const known = { contextLength: undefined, weights: "f32", dropout: undefined };
  checkOptions("loadPretrained", options, { ...LOAD_OPTIONS, ...known });
  const rounding = roundingOf(options.weights);
  const repository = isModelFiles(place)
    ? contentRepository(place)
    : openRepository(place, options);
  const device = checkedDevice("loadPretrained", options);
  const { architecture, config: stated, ...ends } = await readConfig(repository, readModelConfig);
  const generation = await readGeneration(repository);
  const tokenizer = await tokenizerBeside(repository, options);
  const weights = await openWeights(repository, options);
  try {
    const names = namesOf(architecture, stated);
    const sizes = changed(stated, options);
    expectSize(weights, sizes);
    const config = await withStoredHead(sizes, weights, names);
    const to = { names, device, rounding };
    const model = await filled(() => new GPT(config), weights, to);
    rememberNames(model, names);
    const around = aroundText(ends, generation);
    return withTokenizer({ architecture, config, ...around, model }, tokenizer, repository.name);
  } finally {
    weights.close();
  }
}

async function readGeneration(repository: Repository): Promise<GenerationConfig> {
  const text = await readText(repository, "generation_config.json");
  try {
    return readGenerationConfig(text ?? "");
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new SyntaxError(`model ${repository.name}: ${cause.message}`, { cause });
  }
}

/** Tokens of `generation_config.json`, and those of `config.json` that it does not name. */
function aroundText(ends: TextEnds, generation: GenerationConfig): GenerationConfig {
  const endTokens = generation.endTokens.length > 0 ? generation.endTokens : ends.endTokens;
  return { ...ends, ...generation, endTokens };
}

/**
 * Loads the configuration in a model's `config.json`, without its weights. Places and errors are
 * those of `loadPretrained`.
 *
 * ```ts
 * import { GPT, loadModelConfig, openDevice, savePretrained } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const folder = await Deno.makeTempDir();
 * await savePretrained(folder, new GPT({ vocabSize: 65, contextLength: 32, layers: 1, heads: 2, width: 16 }));
 * console.log((await loadModelConfig(folder)).config.width); // 16
 * device.close();
 * ```
 */
export async function loadModelConfig(
  place: string | URL,
  options: RepositoryOptions = {},
): Promise<PretrainedConfig> {
  expectPlace("loadModelConfig", place, PLACES);
  checkOptions("loadModelConfig", options, REPOSITORY_OPTIONS);
  return await readConfig(openRepository(place, options), readModelConfig);
}

/** The configuration with the options applied. */
function changed(
  config: ModelConfig,
  { contextLength = config.contextLength, dropout }: LoadPretrainedOptions,
): ModelConfig {
  const isLearned = config.positions === "learned" && contextLength !== config.contextLength;
  if (isLearned || contextLength > config.contextLength) {
    const bound = isLearned ? "the length of the table of positions," : "at most";
    throw new RangeError(
      `loadPretrained: contextLength: expected ${bound} ${config.contextLength}, got ${contextLength}`,
    );
  }
  if (dropout === undefined) return modelConfig({ ...config, contextLength });
  const own = { embeddingDropout: undefined, attentionOutputDropout: undefined };
  return modelConfig({ ...config, contextLength, dropout, ...own, attentionDropout: undefined });
}

/**
 * The files at a place and the device to load them to, for an `operation` that has no other
 * options.
 *
 * @throws {TypeError} if the place is none, or an option is unknown
 * @throws {RangeError} if the type is not one that Folio computes in
 */
export function openPlace(
  operation: string,
  place: string | URL,
  options: LoadOptions,
): { repository: Repository; device: Device } {
  expectPlace(operation, place, PLACES);
  checkOptions(operation, options, LOAD_OPTIONS);
  const repository = openRepository(place, options);
  return { repository, device: checkedDevice(operation, options) };
}

function checkedDevice(
  operation: string,
  { dtype = "f32", device = currentDevice() }: LoadOptions,
): Device {
  if (dtype === "f32") return device;
  throw new RangeError(`${operation}: dtype: expected f32, the type computed in, got ${dtype}`);
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

/** A model's weights, and its configuration. */
export interface WeightsOf {
  readonly repository: Repository;
  readonly names: ArchitectureNames;
  readonly sizes: ModelSizes;
  readonly device: Device;
}

/**
 * Builds a model on the device and fills it, once weights of its size are found; frees its memory
 * if that fails.
 */
export async function filledModel<Model extends Module>(
  make: () => Model,
  { repository, names, sizes, device }: WeightsOf,
  options: LoadOptions,
): Promise<Model> {
  const weights = await openWeights(repository, options);
  try {
    expectSize(weights, sizes);
    return await filled(make, weights, { names, device });
  } finally {
    weights.close();
  }
}

/** Where the weights go. */
interface Destination extends Pick<WeightsOf, "names" | "device"> {
  /** How to round them, for a GPT. Default: not at all. */
  readonly rounding?: Rounding;
}

/** Makes a model on the device and fills it; its memory is released if that fails. */
export async function filled<Model extends Module>(
  make: () => Model,
  weights: Weights,
  { names, device, rounding }: Destination,
): Promise<Model> {
  const memoryLater = rounding !== undefined;
  const model = onDevice(device, () => withoutInitialValues(make, { memoryLater }));
  const rounded = rounding && model instanceof GPT ? roundedWeights(model, rounding) : undefined;
  try {
    await fillParameters(model, weights, names, rounded);
    if (rounding && model instanceof GPT) await roundOthers(model, rounding);
  } catch (error) {
    for (const parameter of model.parameters()) parameter.dispose();
    for (const weight of rounded?.values() ?? []) weight.dispose();
    throw error;
  }
  return model;
}
