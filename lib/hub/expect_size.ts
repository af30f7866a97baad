/**
 * Checks, before any memory is allocated, that a model's weights can be those of its configuration:
 * a `config.json` of two lines can describe a model of any size.
 *
 * parameters.ts compares each name and shape later, once the model is built.
 *
 * @module
 */
import { type BlockConfigInput, headSizeOf } from "../nn/block_config.ts";
import { size } from "../shape.ts";
import type { TensorReader } from "./parameters.ts";

/** The sizes that determine a model's number of weights. */
export interface ModelSizes extends BlockConfigInput {
  /** V. */
  readonly vocabSize: number;
  /** L. */
  readonly layers: number;
  /** Columns of the token table. Default: `width`. */
  readonly embeddingWidth?: number;
}

/**
 * Checks that the files hold a tensor for each layer, and half of the numbers that the model's
 * matrices take.
 *
 * @throws {SyntaxError} if they do not, with both sizes
 */
export function expectSize(weights: TensorReader, sizes: ModelSizes): void {
  const stored = weights.tensors.values().reduce((sum, { shape }) => sum + size(shape), 0);
  const needed = matrixElements(sizes);
  if (sizes.layers <= weights.tensors.size && needed <= 2 * stored) return;
  const { layers, width, vocabSize } = sizes;
  throw new SyntaxError(
    `${weights.name}: weights do not match config.json: expected ${needed} numbers or more for ` +
      `${layers} layers of width ${width} and ${vocabSize} tokens, got ${stored} in ` +
      `${weights.tensors.size} tensors`,
  );
}

/** Elements of the token table and of the blocks' matrices. */
function matrixElements(sizes: ModelSizes): number {
  const { vocabSize, layers, width, heads, keyValueHeads = heads, gated } = sizes;
  const { hidden = 4 * width, embeddingWidth = width } = sizes;
  const attention = 2 * width * (heads + keyValueHeads) * headSizeOf(sizes);
  const feedForward = sizes.feedForward === false ? 0 : (gated ? 3 : 2) * width * hidden;
  return vocabSize * embeddingWidth + layers * (attention + feedForward);
}
