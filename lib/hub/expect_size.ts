/**
 * Checks, before any memory is taken, that weights can be those of a configuration: both come from
 * files that need not fit, and a `config.json` of two lines may describe a model of any size.
 *
 * parameters.ts compares names and shapes one by one, once the model is there.
 *
 * @module
 */
import { type BlockConfigInput, headSizeOf } from "../nn/block_config.ts";
import { size } from "../shape.ts";
import type { TensorReader } from "./parameters.ts";

/** What the number of a model's weights depends on. */
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
    `${weights.name}: weights do not fit the configuration: ${layers} layers of width ${width} and ` +
      `${vocabSize} tokens take ${needed} numbers or more, the file has ${stored} in ` +
      `${weights.tensors.size} tensors`,
  );
}

/** Elements of the token table and of the blocks' matrices. */
function matrixElements(sizes: ModelSizes): number {
  const { vocabSize, layers, width, heads, keyValueHeads = heads, gated } = sizes;
  const { hidden = 4 * width, embeddingWidth = width } = sizes;
  const attention = 2 * width * (heads + keyValueHeads) * headSizeOf(sizes);
  const feedForward = (gated ? 3 : 2) * width * hidden;
  return vocabSize * embeddingWidth + layers * (attention + feedForward);
}
