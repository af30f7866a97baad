/**
 * Weights that are rounded to 16, 8 or 4 bits while they are read: neither the host nor the device
 * ever holds a large matrix in float32.
 *
 * parameters.ts passes the rows, lib/ops/quantized_matrix.ts rounds them.
 *
 * @module
 */
import type { GPT } from "../nn/gpt.ts";
import { type QuantizableWeight, quantizableWeights, roundWeight } from "../nn/quantize.ts";
import {
  emptyMatrix,
  expectRounding,
  type QuantizedMatrix,
  quantizeMatrix,
  type Rounding,
  type RoundingOptions,
  writeRows,
} from "../ops/quantized_matrix.ts";
import type { RowReceiver } from "./parameters.ts";

/** How weights are stored in memory. */
export type WeightType = "f32" | "bf16" | "f16" | "int8" | "int4";

/**
 * How `quantize` rounds to each type that `loadPretrained` can load weights in; f32 is not rounded.
 *
 * ```ts
 * import { WEIGHT_TYPES } from "../../mod.ts";
 * console.log(WEIGHT_TYPES.int8); // { bits: 8 }
 * ```
 */
export const WEIGHT_TYPES: Readonly<Record<WeightType, RoundingOptions | undefined>> = {
  f32: undefined,
  bf16: { bits: 16, type: "bf16" },
  f16: { bits: 16, type: "f16" },
  int8: { bits: 8 },
  int4: { bits: 4 },
};

/**
 * How a type rounds; undefined if it does not.
 *
 * @throws {RangeError} if there is no such type
 */
export function roundingOf(type: WeightType = "f32"): Rounding | undefined {
  if (!Object.hasOwn(WEIGHT_TYPES, type)) {
    throw new RangeError(
      `loadPretrained: weights must be f32, bf16, f16, int8 or int4, got ${type}`,
    );
  }
  const rounding = WEIGHT_TYPES[type];
  return rounding && expectRounding("loadPretrained", rounding);
}

/** One weight of a model, rounded row by row or as a whole. */
export class RoundedWeight implements RowReceiver {
  readonly #weight: QuantizableWeight;
  readonly #rounding: Rounding;
  #matrix: QuantizedMatrix | undefined;
  #received = 0;

  /** For a weight that has no memory yet. */
  constructor(weight: QuantizableWeight, rounding: Rounding) {
    this.#weight = weight;
    this.#rounding = rounding;
  }

  get transposed(): boolean {
    return this.#weight.transposed;
  }

  rows(first: number, values: Float32Array<ArrayBuffer>): void {
    const { shape, device } = this.#weight.weight;
    const [outputs, inputs] = this.transposed ? shape : shape.toReversed();
    this.#matrix ??= emptyMatrix(outputs, inputs, { ...this.#rounding, device });
    writeRows(this.#matrix, first, values);
    this.#received += values.length / inputs;
    if (this.#received === outputs) this.#weight.accept(this.#matrix);
  }

  /** The whole parameter, in its own layout. */
  whole(values: Float32Array<ArrayBuffer>): void {
    const { weight, transposed } = this.#weight;
    const { shape, device } = weight;
    this.#matrix = quantizeMatrix(values, shape, { ...this.#rounding, transposed, device });
    this.#weight.accept(this.#matrix);
  }

  /** Frees the rounded matrix. */
  dispose(): void {
    this.#matrix?.blocks.dispose();
  }
}

/** The weights of a model that are rounded as they are read, by the names of their parameters. */
export function roundedWeights(
  model: GPT,
  rounding: Rounding,
): Map<string, RoundedWeight> {
  const weights = new Map(
    quantizableWeights(model).map((each) => [each.weight, each] as const),
  );
  return new Map(
    [...model.namedParameters()].flatMap(([name, parameter]) => {
      const weight = weights.get(parameter);
      return weight?.isReplaced ? [[name, new RoundedWeight(weight, rounding)] as const] : [];
    }),
  );
}

/** Rounds the weights that are also needed in float32, after they were read. */
export async function roundOthers(model: GPT, rounding: Rounding): Promise<void> {
  for (const weight of quantizableWeights(model)) {
    if (!weight.isReplaced) await roundWeight(weight, rounding);
  }
}
