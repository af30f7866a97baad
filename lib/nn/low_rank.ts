/**
 * Low-rank updates of a linear layer (LoRA): what they add to its product.
 *
 * `Linear` in layers.ts holds a list of them. See lib/adapt for making, merging, saving and loading
 * them.
 *
 * K inputs, N outputs of the layer, r rank.
 *
 * @module
 */
import { mul } from "../ops/binary.ts";
import { concatenate } from "../ops/concatenate.ts";
import { linear, type LowRankFactors } from "../ops/matmul.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import { ForwardContext } from "./context.ts";

/** scale·B·A, added to some of a linear layer's outputs; in PEFT's layout. */
export interface LowRankUpdate {
  /** A, [r, K]. */
  readonly a: Tensor;
  /** B, [n, r] for n of the layer's outputs. */
  readonly b: Tensor;
  /** alpha / r, or alpha / √r. */
  readonly scale: number;
  /** The first of the n outputs: of a packed projection, an update may change the values alone. */
  readonly start: number;
  /** Probability of dropping an element of A's input in training. */
  readonly dropout: number;
}

/**
 * base + scale·B(A(dropout(x))) for each update: x [..., K], base [..., N] → [..., N].
 *
 * Updates with the same dropout are one: their A's stacked, [Σr, K], their B's the blocks of one
 * [N, Σr], which costs two products of a small inner size however many there are.
 */
export function addLowRank(
  x: Tensor,
  base: Tensor,
  updates: readonly LowRankUpdate[],
  context: ForwardContext = new ForwardContext(),
): Tensor {
  const outputs = base.shape[base.shape.length - 1];
  const drops = updates.filter(({ dropout }) => context.drops(dropout));
  const shared = updates.filter(({ dropout }) => !context.drops(dropout));
  const groups = [...drops.map((update) => [update]), shared].filter(({ length }) => length > 0);
  return groups.reduce((sum, group) => {
    const { a, b } = stacked(group, outputs);
    const input = context.dropout(x, group[0].dropout);
    const inner = linear(input, a, undefined, { transposed: true });
    return linear(inner, b, undefined, { transposed: true, residual: sum });
  }, base);
}

/**
 * All updates as factors of one matrix, for a training step in which the product with the sum of
 * the weight and the updates is faster: the sum costs K·N, two more products cost rows·(K + N).
 * Undefined if they are not, if an update drops inputs, or in an evaluation, which keeps the weight
 * unrounded.
 */
export function updateFactors(
  updates: readonly LowRankUpdate[],
  { rows, inputs, outputs }: { rows: number; inputs: number; outputs: number },
  context: ForwardContext = new ForwardContext(),
): LowRankFactors | undefined {
  const isTraining = context.options.randomState !== undefined;
  const isFaster = isTraining && rows * (inputs + outputs) >= inputs * outputs;
  if (!isFaster || updates.some(({ dropout }) => context.drops(dropout))) return undefined;
  return stacked(updates, outputs);
}

/** scale·B·A of all updates, [outputs, K]: what they add to the layer's weight. */
export function lowRankMatrix(updates: readonly LowRankUpdate[], outputs: number): Tensor {
  const { a, b } = stacked(updates, outputs);
  return linear(b, a);
}

/** scale·A of each update, [Σr, K], and the blocks of B, [outputs, Σr]. */
function stacked(
  updates: readonly LowRankUpdate[],
  outputs: number,
): LowRankFactors {
  const a = updates.map((update) => scaled(update.a, update.scale));
  if (updates.length === 1) return { a: a[0], b: block(updates[0], outputs) };
  const b = updates.map((update) => block(update, outputs));
  return { a: concatenate(a), b: concatenate(b, { axis: 1 }) };
}

/** B with rows of zeros for the outputs that it does not change: [outputs, r]. */
function block({ b, start }: LowRankUpdate, outputs: number): Tensor {
  const [rows, rank] = b.shape;
  const end = start + rows;
  const parts = [b];
  if (start > 0) parts.unshift(zeros([start, rank], { device: b.device }));
  if (end < outputs) parts.push(zeros([outputs - end, rank], { device: b.device }));
  return parts.length === 1 ? b : concatenate(parts);
}

function scaled(a: Tensor, scale: number): Tensor {
  return scale === 1 ? a : mul(a, scale);
}
