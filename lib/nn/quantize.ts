/**
 * A model's weights in 16, 8 or 4 bits, for generation and evaluation.
 *
 * See lib/ops/quantized_matrix.ts for how a matrix is rounded, quantized_linear.ts for its
 * products.
 *
 * @module
 */
import { checkOptions } from "../options.ts";
import {
  expectRounding,
  type QuantizedMatrix,
  quantizeMatrix,
  type Rounding,
  ROUNDING_OPTIONS,
  type RoundingOptions,
} from "../ops/quantized_matrix.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { GPT } from "./gpt.ts";
import { type Embedding, Linear } from "./layers.ts";
import type { Module } from "./module.ts";

/** Options of `quantize`. */
export type QuantizeOptions = RoundingOptions;

/**
 * Rounds the weights of every linear layer, of the head and, if positions are rotary, of the token
 * table to 16, 8 or 4 bits and frees their float32 memory: a token reads about a half, a quarter or
 * a sixth of the bytes. Biases, norms and tables of positions stay as they are. Weights that a file
 * holds in 16 bits keep their values exactly in the same type.
 *
 * Afterwards the model can generate and be evaluated, but neither trained nor saved; a generator
 * made before must not be used.
 *
 * ```ts
 * import { Generator, GPT, openDevice, quantize } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 1, heads: 2, width: 32 });
 * await quantize(model);
 * const tokens = new Generator(model).generate([1, 2], { maxNewTokens: 4 });
 * for await (const token of tokens) console.log(token);
 * device.close();
 * ```
 *
 * @throws {RangeError} if the bits, the group or the type are impossible, or a weight is beyond the
 *   type's range
 * @throws {TypeError} if the weights are rounded already
 */
export async function quantize(model: GPT, options: QuantizeOptions = {}): Promise<void> {
  checkOptions("quantize", options, ROUNDING_OPTIONS);
  const rounding = expectRounding("quantize", options);
  const weights = quantizableWeights(model);
  if (weights.some(({ weight }) => weight.storage.disposed)) {
    throw new TypeError("quantize: the model's weights are rounded already; load it again");
  }
  for (const weight of weights) await roundWeight(weight, rounding);
}

/** Rounds a weight whose values are on the device. */
export async function roundWeight(
  { weight, transposed, accept }: QuantizableWeight,
  rounding: Rounding,
): Promise<void> {
  const values = await weight.data() as Float32Array;
  const { device, shape } = weight;
  accept(quantizeMatrix(values, shape, { ...rounding, transposed, device }));
}

/** A weight that `quantize` rounds. */
export interface QuantizableWeight {
  /** The parameter. */
  readonly weight: Tensor;
  /** Whether it is [outputs, inputs]. */
  readonly transposed: boolean;
  /** Whether the rounded matrix takes the parameter's place, whose memory is freed. */
  readonly isReplaced: boolean;
  /** Takes the rounded matrix. */
  accept(matrix: QuantizedMatrix): void;
}

/** The weights of a model that `quantize` rounds. */
export function quantizableWeights(model: GPT): QuantizableWeight[] {
  const layers = linearLayers(model).map((layer) => ({
    weight: layer.weight,
    transposed: layer.transposed,
    isReplaced: true,
    accept: (matrix: QuantizedMatrix) => replace(layer, matrix),
  }));
  const { tokens, head, config } = model;
  const hasPositions = config.positions === "learned" || config.positions === "sinusoidal";
  const isReplaced = !hasPositions;
  if (head && !isReplaced) return layers;
  const accept = (matrix: QuantizedMatrix) => {
    if (!head) model.quantizedHead = matrix;
    if (isReplaced) replace(tokens, matrix);
  };
  return [...layers, { weight: tokens.weight, transposed: true, isReplaced, accept }];
}

function replace(layer: Linear | Embedding, matrix: QuantizedMatrix): void {
  layer.quantized = matrix;
  layer.weight.dispose();
}

function linearLayers(module: Module): Linear[] {
  if (module instanceof Linear) return [module];
  const parts = Object.values(module.parts());
  return parts.flatMap((part) => part && !(part instanceof Tensor) ? linearLayers(part) : []);
}
