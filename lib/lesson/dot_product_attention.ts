/**
 * Dot-product attention of a decoder's states to an encoder's.
 *
 * See additive_attention.ts for a score that learns how to compare, and
 * ../nn/scaled_dot_product_attention.ts for queries, keys and values.
 *
 * @module
 */
import { formatShape, sameShape } from "../shape.ts";
import { expectType } from "../tensor/launch.ts";
import { matmul } from "../ops/matmul.ts";
import { softmax } from "../ops/softmax.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** The result of attention to hidden states. */
export interface HiddenStateAttention {
  /**
   * How much attention each previous state pays to each hidden state, [...,Tp,Th]; rows sum to 1.
   */
  weights: Tensor;
  /** The weighted sums of hidden states, [...,Tp,d]. */
  context: Tensor;
}

/**
 * weights = softmax(previousState·hiddenStatesᵀ), context = weights·hiddenStates: hiddenStates f32
 * [...,Th,d], previousState [...,Tp,d] with the same leading axes, or none. TypeError if shapes or
 * dtypes do not fit. Source: Luong et al., arXiv 1508.04025, section 3.1.
 *
 * ```ts
 * import { openDevice, tensor } from "../../mod.ts";
 * import { dotProductAttention } from "./mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const { weights, context } = dotProductAttention(tensor([[1, 0], [0, 1]]), tensor([[2, 0]]));
 * console.log(await weights.data(), `${context}`); // [0.88, 0.12] f32 [1,2]
 * device.close();
 * ```
 */
export function dotProductAttention(
  hiddenStates: Tensor,
  previousState: Tensor,
): HiddenStateAttention {
  expectSequences("dotProductAttention", hiddenStates, previousState);
  if (hiddenStates.shape.at(-1) !== previousState.shape.at(-1)) {
    throw new TypeError(
      `dotProductAttention: hiddenStates ${formatShape(hiddenStates.shape)} and previousState ${
        formatShape(previousState.shape)
      } differ in their last axis`,
    );
  }
  const weights = softmax(matmul(previousState, hiddenStates, { transposeB: true }));
  return { weights, context: matmul(weights, hiddenStates) };
}

/** Throws a TypeError unless both are f32 [...,T,d] with the same leading axes. */
export function expectSequences(
  operation: string,
  hiddenStates: Tensor,
  previousState: Tensor,
): void {
  for (const [name, x] of Object.entries({ hiddenStates, previousState })) {
    expectType(`${operation}: ${name}`, x, "f32");
    if (x.shape.length < 2) throw new TypeError(`${operation}: expected ${name} [T,d], got ${x}`);
  }
  if (!sameShape(hiddenStates.shape.slice(0, -2), previousState.shape.slice(0, -2))) {
    throw new TypeError(
      `${operation}: hiddenStates ${formatShape(hiddenStates.shape)} and previousState ${
        formatShape(previousState.shape)
      } differ in their leading axes`,
    );
  }
}
