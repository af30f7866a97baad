/**
 * The weights of heads as circuits: what a head reads and writes (OV), which tokens it attends to
 * (QK), and how much heads of two layers are composed.
 *
 * C width, D head size. Vectors are rows, as everywhere in Folio: x·W.
 *
 * @module
 */
import { onDevice } from "../device/current_device.ts";
import { headSizeOf } from "../nn/block_config.ts";
import type { GPT } from "../nn/gpt.ts";
import { embedding } from "../ops/embedding.ts";
import { matmul } from "../ops/matmul.ts";
import { slice } from "../ops/slice.ts";
import { sumOfSquares } from "../ops/sum_of_squares.ts";
import { concatenate } from "../ops/concatenate.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { symmetricEigen } from "../symmetric_eigen.ts";
import { scope } from "../tensor/scope.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import { expectGpt } from "./model_parts.ts";
import { indicesOf } from "./point_axes.ts";
import { cells, type ScoreGrid } from "./score_grid.ts";

/** Which head, and between what. */
export interface CircuitOptions {
  /** The layer, from 0; −1 is the last. */
  layer: number;
  /** The head, from 0; −1 is the last. */
  head: number;
  /**
   * Ids between whose embeddings the circuit is measured, [n,n] instead of [C,C]. Default: none.
   */
  ids?: readonly number[];
}

const OPTIONS: OptionNames<CircuitOptions> = { layer: true, head: true, ids: true };

/** The matrices of one head. */
export interface HeadWeights {
  /** [C,D]. */
  readonly query: Tensor;
  /** [C,D]; shared by a group of query heads. */
  readonly key: Tensor;
  /** [C,D]; shared likewise. */
  readonly value: Tensor;
  /** [D,C]. */
  readonly output: Tensor;
}

/**
 * W_V·W_O of a head, [C,C]: what it writes to the residual stream for what it reads; with `ids`
 * E·W_V·W_O·U, [n,n], how attending to the row's token changes the column's logit.
 *
 * Norms are left out: fold a gain by multiplying the rows. Source: Elhage et al. 2021.
 *
 * ```ts
 * import { GPT, openDevice, ovCircuit } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 1, heads: 2, width: 16 });
 * console.log(`${ovCircuit(model, { layer: 0, head: 1 })}`); // f32 [16,16]
 * console.log(`${ovCircuit(model, { layer: 0, head: 1, ids: [2, 5] })}`); // f32 [2,2]
 * device.close();
 * ```
 *
 * @throws {TypeError} if the model is no GPT, an option is unknown, or the weights are rounded
 * @throws {RangeError} if there is no such layer, head or id
 */
export function ovCircuit(model: GPT, options: CircuitOptions): Tensor {
  return circuit(
    "ovCircuit",
    model,
    options,
    ({ value, output }, from, to) =>
      matmul(
        from ? matmul(from, value) : value,
        to ? matmul(output, to, { transposeB: true }) : output,
      ),
  );
}

/**
 * W_Q·W_Kᵀ of a head, [C,C], without the factor 1/√D: scores between what queries and keys read;
 * with `ids` E·W_Q·W_Kᵀ·Eᵀ, [n,n], how much the row's token attends to the column's.
 *
 * Norms, biases and rotations are left out. Source: Elhage et al. 2021.
 *
 * ```ts
 * import { GPT, openDevice, qkCircuit } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 1, heads: 2, width: 16 });
 * console.log(`${qkCircuit(model, { layer: 0, head: 1 })}`); // f32 [16,16]
 * device.close();
 * ```
 *
 * @throws {TypeError} if the model is no GPT, an option is unknown, or the weights are rounded
 * @throws {RangeError} if there is no such layer, head or id
 */
export function qkCircuit(model: GPT, options: CircuitOptions): Tensor {
  return circuit(
    "qkCircuit",
    model,
    options,
    ({ query, key }, from) =>
      matmul(from ? matmul(from, query) : query, from ? matmul(from, key) : key, {
        transposeB: true,
      }),
  );
}

function circuit(
  operation: string,
  model: GPT,
  options: CircuitOptions,
  product: (head: HeadWeights, from?: Tensor, to?: Tensor) => Tensor,
): Tensor {
  expectGpt(operation, model, "whose heads all read and write one stream");
  checkOptions(operation, options, OPTIONS);
  const { layer, head, ids } = options;
  return onDevice(model.tokens.weight.device, () =>
    scope(() => {
      const weights = headWeights(operation, model, layer, head);
      if (!ids) return product(weights);
      const { vocabSize } = model.config;
      const index = tensor(Int32Array.from(indicesOf(operation, "id", ids, vocabSize)));
      const from = embedding(model.tokens.weight, index);
      return product(weights, from, model.head ? embedding(model.head.weight, index) : from);
    }));
}

/** The matrices of a head, copied out of the packed ones. */
function headWeights(operation: string, model: GPT, layer: number, head: number): HeadWeights {
  const { layers, heads, keyValueHeads = heads } = model.config;
  const [at] = indicesOf(operation, "layer", layer, layers);
  const [own] = indicesOf(operation, "head", head, heads);
  const { queryKeyValue, projection } = model.blocks.items[at].attention;
  if (!queryKeyValue || queryKeyValue.quantized || queryKeyValue.updates.length > 0) {
    throw new TypeError(`${operation}: expected plain weights, got rounded or adapted ones`);
  }
  const size = headSizeOf(model.config);
  const shared = Math.floor(own * keyValueHeads / heads);
  const column = (index: number) =>
    slice(queryKeyValue.weight, { axis: 1, start: index * size, end: (index + 1) * size });
  return {
    query: column(own),
    key: column(heads + shared),
    value: column(heads + keyValueHeads + shared),
    output: slice(projection.weight, { axis: 0, start: own * size, end: (own + 1) * size }),
  };
}

/** How a later head reads what an earlier one wrote. */
export type CompositionKind = "query" | "key" | "value";

/** Options of `compositionScores`. */
export interface CompositionOptions {
  /** Which of the later head's inputs. */
  kind: CompositionKind;
  /** The earlier layer, and the later one. */
  layers: readonly [earlier: number, later: number];
}

/**
 * How much the heads of a later layer read what those of an earlier one wrote, [earlier head, later
 * head]: ‖OV₁·M₂‖ / (‖OV₁‖·‖M₂‖) with Frobenius norms, and M₂ the later head's W_Q·W_Kᵀ (for
 * queries), W_K·W_Qᵀ (keys) or W_V·W_O (values).
 *
 * Unrelated matrices have about 1/√C. Source: Elhage et al. 2021.
 *
 * ```ts
 * import { compositionScores, GPT, openDevice } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 2, heads: 2, width: 16 });
 * const { shape, values } = await compositionScores(model, { kind: "key", layers: [0, 1] });
 * console.log(shape, values); // [2, 2], near 0.25 each
 * device.close();
 * ```
 *
 * @throws {TypeError} if the model is no GPT, an option is unknown, or the weights are rounded
 * @throws {RangeError} if there is no such layer, or the later one is not after the earlier
 */
export async function compositionScores(
  model: GPT,
  options: CompositionOptions,
): Promise<ScoreGrid> {
  const operation = "compositionScores";
  expectGpt(operation, model, "whose heads all read and write one stream");
  checkOptions(operation, options, { kind: true, layers: true });
  const { kind, layers } = options;
  const { heads } = model.config;
  const [earlier, later] = indicesOf(operation, "layer", layers, model.config.layers);
  if (!["query", "key", "value"].includes(kind) || !(later > earlier)) {
    throw new RangeError(
      `${operation}: expected kind query, key or value and a later layer after the earlier, got ` +
        `${kind} and ${earlier}, ${later}`,
    );
  }
  const squares = scope(() => {
    const first = Array.from(
      { length: heads },
      (_, head) => ovCircuit(model, { layer: earlier, head }),
    );
    const second = Array.from({ length: heads }, (_, head) => {
      if (kind === "value") return ovCircuit(model, { layer: later, head });
      return qkCircuit(model, { layer: later, head });
    });
    const products = cells([heads, heads]).map(([a, b]) =>
      matmul(first[a], second[b], { transposeB: kind === "key" })
    );
    return concatenate([...first, ...second, ...products].map((x) => sumOfSquares(x).view([1])));
  });
  const norms = (await squares.data() as Float32Array).map(Math.sqrt);
  squares.dispose();
  const values = norms.slice(2 * heads).map((norm, i) =>
    norm / (norms[Math.floor(i / heads)] * norms[heads + i % heads])
  );
  return { axes: ["head", "head"], shape: [heads, heads], values };
}

/**
 * The singular values of a matrix [m,n], the largest first: min(m, n) of them.
 *
 * Those of an OV circuit say in how many directions a head writes.
 *
 * ```ts
 * import { openDevice, singularValues, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * console.log(await singularValues(tensor([[3, 0], [0, -4]]))); // [4, 3]
 * device.close();
 * ```
 *
 * @throws {TypeError} unless it is a matrix
 */
export async function singularValues(matrix: Tensor): Promise<Float64Array> {
  const [rows, columns] = matrix.shape;
  if (matrix.shape.length !== 2) {
    throw new TypeError(`singularValues: expected a matrix, got ${matrix}`);
  }
  const isWide = columns > rows;
  const gram = scope(() => matmul(matrix, matrix, { transposeA: !isWide, transposeB: isWide }));
  const size = Math.min(rows, columns);
  const values = Float64Array.from(await gram.data());
  gram.dispose();
  const { values: squares } = symmetricEigen(values, size);
  return Float64Array.from(squares, (square) => Math.sqrt(Math.max(0, square)))
    .sort((a, b) => b - a);
}
