/**
 * What Folio needs to know of an architecture's files to read and write them. Each architecture is
 * such an object: see gpt2_format.ts and the files beside it.
 *
 * @module
 */
import type { ModelConfig, ModelConfigInput } from "../nn/config.ts";
import type { Activation } from "../ops/activation.ts";
import { type ConfigFields, unexpected } from "./config_fields.ts";

/** The tensors that make one parameter. */
export interface ParameterSource {
  /** Names in the file. Several are joined on the last axis, in this order. */
  readonly names: readonly string[];
  /** Whether each is stored [outputs, inputs] and the parameter is [inputs, outputs]. */
  readonly transposed: boolean;
  /**
   * The parameter is one of `count` equal ranges of the tensor's columns, such as the gate in
   * Phi-3's [gate | up]. Default: all columns.
   */
  readonly part?: { readonly index: number; readonly count: number };
  /** The tensor's column that column c of the parameter is, such as GPT-NeoX's. Default: c. */
  readonly column?: (c: number) => number;
  /**
   * Rows of the tensor before the parameter's first, written as zeros (OPT's positions). Default 0.
   */
  readonly skippedRows?: number;
  /** Added to the tensor's numbers: 1 for Gemma's gains. Default 0. */
  readonly added?: number;
}

/** An architecture's `config.json`, and its names and layouts of weights. */
export interface Format {
  /**
   * Reads the fields of a `config.json`. SyntaxError, or modelConfig's RangeError, for what Folio
   * cannot do.
   */
  read(fields: ConfigFields): ModelConfigInput;
  /**
   * The fields of a `config.json`, except those of special tokens. What the architecture has no
   * field for is left out: a model that `read` does not restore is not saved in this format.
   */
  write(config: ModelConfig): Record<string, unknown>;
  /** The tensors of the file that make the parameter of this name in a model of `config`. */
  source(parameter: string, config: ModelConfig): ParameterSource;
}

/** An architecture's names of tensors: what reading weights needs of it. */
export interface ArchitectureNames {
  /** The architecture's name, for errors. */
  readonly name: string;
  /** The tensors of the file that make the parameter of this name. */
  source(parameter: string): ParameterSource;
  /** The prefix that files of a model without its head omit. Default: `transformer.`, `model.`. */
  readonly prefix?: RegExp;
  /** Tensors that the file may have and the model does not read. Default: none. */
  readonly unread?: RegExp;
  /** Tensors that the file may have if they hold zeros only. Default: none. */
  readonly zeros?: RegExp;
  /** The padding token, if transformers does not count it in positions. Default: it does. */
  readonly uncountedToken?: number;
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
  relu2: "relu_squared",
};

/** Hugging Face's name of an activation; undefined if it has none. */
export function activationName(activation: Activation | "tanh" | undefined): string | undefined {
  return Object.keys(ACTIVATIONS).find((name) => ACTIVATIONS[name] === activation);
}

/** A tensor that has the parameter's name and layout, as in Folio's own files. */
export function ownSource(parameter: string): ParameterSource {
  return { names: [parameter], transposed: false };
}

/** A file's names of modules, for Folio's. */
export interface ModuleNames {
  /** The blocks' name before their numbers, such as `model.layers`. */
  readonly blocks: string;
  /** Linear layers within a block. Several hold the layer's outputs, in this order. */
  readonly linear: Readonly<Record<string, string | readonly string[]>>;
  /** Norms within a block. */
  readonly norms: Readonly<Record<string, string>>;
  /** Modules outside the blocks; others have Folio's names. */
  readonly outside: Readonly<Record<string, string>>;
}

/** The tensors of a parameter in files with these names, linear layers [outputs, inputs]. */
export function namedSource(
  parameter: string,
  { blocks, linear, norms, outside }: ModuleNames,
): ParameterSource {
  const { layer, module, kind } = splitName(parameter);
  if (layer === undefined) {
    return { names: [`${outside[module] ?? module}.${kind}`], transposed: false };
  }
  const parts = [linear[module] ?? norms[module]].flat();
  return {
    names: parts.map((part) => `${blocks}.${layer}.${part}.${kind}`),
    transposed: module in linear && kind === "weight",
  };
}

const MAX_LAYERS = 10_000;

/** The number of layers, checked before anything is made for each of them. */
export function readLayers(fields: ConfigFields, name: string, fallback: number): number {
  const layers = fields.wholeNumber(name, fallback);
  if (layers > MAX_LAYERS) throw unexpected(name, `at most ${MAX_LAYERS} layers`, layers);
  return layers;
}

/** The probability of a dropout. SyntaxError unless it is in [0, 1). */
export function readDropout(fields: ConfigFields, name: string, fallback: number): number {
  const rate = fields.number(name, fallback);
  if (!(rate >= 0 && rate < 1)) throw unexpected(name, "a probability in [0, 1)", rate);
  return rate;
}

/**
 * The parts of `transformer.h.3.mlp.c_fc.weight`: 3, `mlp.c_fc` and `weight`; no layer for
 * parameters outside the blocks.
 */
export function splitName(name: string): { layer?: string; module: string; kind: string } {
  const dot = name.lastIndexOf(".");
  const [module, kind] = [name.slice(0, dot), name.slice(dot + 1)];
  const block = /^transformer\.h\.(\d+)\.(.+)$/.exec(module);
  return block ? { layer: block[1], module: block[2], kind } : { module, kind };
}
