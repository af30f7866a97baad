/**
 * How much a LoRA adapter changes each layer, and in how many directions.
 *
 * `adapterFigure` in lib/plot draws it.
 *
 * @module
 */
import { symmetricEigen } from "../symmetric_eigen.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { AdaptableModel } from "./adaptable_model.ts";
import type { AdaptedLayer, LoraAdapter } from "./lora_adapter.ts";

/** What an adapter changes in one layer. */
export interface LayerChange {
  /** The layer's name in transformers, such as `transformer.h.0.attn.c_attn`. */
  readonly name: string;
  /** ‖ΔW‖ / ‖W‖, ΔW = scale·B·A, the norms being Frobenius'; Infinity if W is 0 and ΔW is not. */
  readonly relative: number;
  /** The singular values of ΔW that may be above 0, as many as its rank, the largest first. */
  readonly singularValues: readonly number[];
}

/**
 * ‖ΔW‖ / ‖W‖ and the singular values of ΔW = scale·B·A for each adapted layer, in the model's
 * order; W is the base's weight, merged or not.
 *
 * The singular values are the roots of the eigenvalues of √(A·Aᵀ)·BᵀB·√(A·Aᵀ), [rank, rank], so
 * ΔW itself is never computed.
 *
 * ```ts
 * import { adapterChanges, attachLora, GPT, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 4, layers: 1, heads: 1, width: 16 });
 * const adapter = attachLora(model, { rank: 2 });
 * console.log(await adapterChanges(adapter)); // relative: 0, singularValues: [0, 0]: B is 0
 * device.close();
 * ```
 *
 * @throws {TypeError} if the base's weights are rounded
 */
export async function adapterChanges<Model extends AdaptableModel>(
  adapter: LoraAdapter<Model>,
): Promise<LayerChange[]> {
  const changes: LayerChange[] = [];
  for (const layer of adapter.layers) {
    if (layer.linear.quantized) {
      throw new TypeError(`adapterChanges: ${layer.name} is rounded; load its base in f32`);
    }
    const singularValues = await singularValuesOf(layer);
    const change = Math.hypot(...singularValues);
    const weight = await weightNorm(layer, adapter.baseOf(layer.linear.weight));
    changes.push({
      name: layer.name,
      relative: change === 0 ? 0 : change / weight,
      singularValues,
    });
  }
  return changes;
}

async function singularValuesOf({ update: { a, b, scale } }: AdaptedLayer): Promise<number[]> {
  const [rank, inputs] = a.shape;
  const rows = await a.data() as Float32Array;
  const columns = await b.data() as Float32Array;
  const inner = products(rank, inputs, (r, i) => rows[r * inputs + i]);
  const outer = products(rank, b.shape[0], (r, o) => columns[o * rank + r]);
  const { values, vector } = symmetricEigen(inner, rank);
  // The rows of √(A·Aᵀ) in the basis of its eigenvectors.
  const roots = Array.from(values, (value, i) => {
    const length = Math.sqrt(Math.max(0, value));
    return vector(i).map((x) => x * length);
  });
  const squares = new Float64Array(rank * rank);
  for (let i = 0; i < rank; i++) {
    for (let j = 0; j < rank; j++) squares[i * rank + j] = form(roots[i], outer, roots[j]);
  }
  return Array.from(symmetricEigen(squares, rank).values)
    .map((value) => scale * Math.sqrt(Math.max(0, value))).sort((x, y) => y - x);
}

/** The inner products of `rank` vectors of a length, [rank, rank]. */
function products(
  rank: number,
  length: number,
  at: (vector: number, index: number) => number,
): Float64Array {
  const result = new Float64Array(rank * rank);
  for (let i = 0; i < rank; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0; k < length; k++) sum += at(i, k) * at(j, k);
      result[i * rank + j] = result[j * rank + i] = sum;
    }
  }
  return result;
}

/** xᵀ·M·y */
function form(x: Float64Array, matrix: Float64Array, y: Float64Array): number {
  const n = x.length;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) sum += x[i] * matrix[i * n + j] * y[j];
  }
  return sum;
}

/** The norm of a layer's part of its packed weight. */
async function weightNorm(
  { linear, inputs, start, outputs }: AdaptedLayer,
  weight: Tensor,
): Promise<number> {
  const values = await weight.data();
  const columns = weight.shape[1];
  let squares = 0;
  for (let i = 0; i < inputs; i++) {
    for (let o = start; o < start + outputs; o++) {
      squares += values[linear.transposed ? o * inputs + i : i * columns + o] ** 2;
    }
  }
  return Math.sqrt(squares);
}
