/**
 * A training pass that notes its dropouts.
 *
 * @module
 */
import { ForwardContext } from "../../lib/nn/context.ts";
import { type Tensor, tensor } from "../../lib/tensor/tensor.ts";

/** A context with a random state that records the dropout rates above 0, in order. */
export function countingContext(): { context: ForwardContext; rates: number[] } {
  const rates: number[] = [];
  class Counting extends ForwardContext {
    override dropout(x: Tensor, rate: number): Tensor {
      if (rate > 0) rates.push(rate);
      return super.dropout(x, rate);
    }
    override attentionDropout(rate: number) {
      if (rate > 0) rates.push(rate);
      return super.attentionDropout(rate);
    }
  }
  return { context: new Counting({ randomState: tensor(new Int32Array([7, 0])) }), rates };
}
