/**
 * What Folio must know of an architecture's files to read and write them: an object for each, in
 * gpt2_format.ts and the files beside it.
 *
 * @module
 */
import type { Activation } from "../ops/activation.ts";
import type { ModelConfig, ModelConfigInput } from "../nn/config.ts";
import { type ConfigFields, unexpected } from "./config_fields.ts";

/** The tensors that make one parameter. */
export interface ParameterSource {
  /** Names in the file. Several are put side by side on the last axis, in this order. */
  readonly names: readonly string[];
  /** Whether each is stored [outputs, inputs] and the parameter is [inputs, outputs]. */
  readonly transposed: boolean;
}

/** An architecture's `config.json`, and its names and layouts of weights. */
export interface Format {
  /**
   * Reads the fields of a `config.json`. SyntaxError, or modelConfig's RangeError, for what Folio
   * cannot do.
   */
  read(fields: ConfigFields): ModelConfigInput;
  /** Whether the architecture computes exactly this model. */
  expresses(config: ModelConfig): boolean;
  /** The fields of a `config.json`, those of special tokens excepted. */
  write(config: ModelConfig): Record<string, unknown>;
  /** Where a parameter of Folio's name comes from. */
  source(parameter: string): ParameterSource;
}

/** An architecture's names of tensors: all that reading weights needs of it. */
export interface ArchitectureNames extends Pick<Format, "source"> {
  /** Of the architecture, for errors. */
  readonly name: string;
}

/** Activations by Hugging Face's names. The first name of each activation is the one written. */
export const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  gelu_new: "gelu_tanh",
  gelu_fast: "gelu_tanh",
  gelu_pytorch_tanh: "gelu_tanh",
  gelu: "gelu",
  gelu_python: "gelu",
  relu: "relu",
  silu: "silu",
  swish: "silu",
};

/** Hugging Face's name of an activation; undefined if it has none. */
export function activationName(activation: Activation): string | undefined {
  return Object.keys(ACTIVATIONS).find((name) => ACTIVATIONS[name] === activation);
}

const MAX_LAYERS = 10_000;

/** The number of layers, which is checked before anything is made for each. */
export function readLayers(fields: ConfigFields, name: string, otherwise: number): number {
  const layers = fields.wholeNumber(name, otherwise);
  if (layers > MAX_LAYERS) throw unexpected(name, `at most ${MAX_LAYERS} layers`, layers);
  return layers;
}

/** Whether every head has keys and values of its own. */
export function hasEqualHeads({ heads, keyValueHeads = heads }: ModelConfig): boolean {
  return keyValueHeads === heads;
}

/** Whether a layer looks back on fewer tokens than there are. */
export function hasWindow({ window }: ModelConfig): boolean {
  return window?.some((tokens) => tokens !== undefined) ?? false;
}

/**
 * `transformer.h.3.mlp.c_fc.weight` in parts: 3, `mlp.c_fc` and `weight`; no layer for what is
 * outside the blocks.
 */
export function splitName(name: string): { layer?: string; module: string; kind: string } {
  const dot = name.lastIndexOf(".");
  const [module, kind] = [name.slice(0, dot), name.slice(dot + 1)];
  const block = /^transformer\.h\.(\d+)\.(.+)$/.exec(module);
  return block ? { layer: block[1], module: block[2], kind } : { module, kind };
}
