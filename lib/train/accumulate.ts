/**
 * The sum of the gradients of an update's batches, in the order that many processes can share.
 *
 * @module
 */
import { add } from "../ops/binary.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** The loss of a batch, or a sum of some, and the gradients, one for each parameter. */
export interface LossAndGradients {
  /** The loss, []. */
  readonly value: Tensor;
  /** ∂loss/∂parameter. */
  readonly gradients: readonly Tensor[];
}

/**
 * Adds what each of `batches` computes in pairs, (0+1)+(2+3), as soon as both of a pair are there:
 * log₂ of their number are alive at once. 2ⁿ processes whose library adds in pairs, each with its
 * part of the batches, then find the same bits as one with all of them.
 */
export function accumulate(batches: readonly (() => LossAndGradients)[]): LossAndGradients {
  const waiting: LossAndGradients[] = [];
  batches.forEach((compute, i) => {
    waiting.push(compute());
    // After batch i as many pairs are complete as the number i + 1 has zeros at its end.
    for (let pairs = i + 1; pairs % 2 === 0; pairs /= 2) mergeLast(waiting);
  });
  while (waiting.length > 1) mergeLast(waiting);
  return waiting[0];
}

function mergeLast(waiting: LossAndGradients[]): void {
  const [a, b] = waiting.splice(-2);
  const gradients = a.gradients.map((gradient, i) => add(gradient, b.gradients[i]));
  waiting.push({ value: add(a.value, b.value), gradients });
}
