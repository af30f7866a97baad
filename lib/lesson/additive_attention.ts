/**
 * Additive attention: a small network compares a decoder's states with an encoder's.
 *
 * See dot_product_attention.ts for the dot product as the score.
 *
 * @module
 */
import { formatShape } from "../shape.ts";
import type { Random } from "../random.ts";
import { add } from "../ops/binary.ts";
import { matmul } from "../ops/matmul.ts";
import { reshape } from "../ops/reshape.ts";
import { softmax } from "../ops/softmax.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { tanh } from "../ops/unary.ts";
import { expectSequences, type HiddenStateAttention } from "./dot_product_attention.ts";
import { type Initializer, layerRandom, normal, parameter } from "../nn/initializers.ts";
import { Linear } from "../nn/layers.ts";
import { Module, type Parts } from "../nn/module.ts";

/** Options of `AdditiveAttention`. */
export interface AdditiveAttentionOptions {
  /** p, the width of the previous states. Default: the width of the hidden states. */
  previousWidth?: number;
  /** a, the width in which the two are compared. Default: the width of the hidden states. */
  attentionWidth?: number;
  /** Initializer of the two projections and the vector. Default N(0, 0.02²). */
  initializer?: Initializer;
  /** Random numbers for the initializer. Default: one stream that all such layers share. */
  random?: Random;
}

/**
 * scoreᵢⱼ = tanh(previousStateᵢ·W + hiddenStatesⱼ·U)·v, weights = softmax(score), context =
 * weights·hiddenStates: hiddenStates f32 [...,Th,d], previousState [...,Tp,p] with the same leading
 * axes, or none.
 *
 * Source: Bahdanau et al., arXiv 1409.0473, section 3.1 and appendix A.1.2.
 *
 * ```ts
 * import { openDevice, zeros } from "../../mod.ts";
 * import { AdditiveAttention } from "./mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const layer = new AdditiveAttention(4, { previousWidth: 6, attentionWidth: 3 });
 * const { weights, context } = layer.forward(zeros([2, 4]), zeros([1, 6]));
 * console.log(await weights.data(), `${context}`); // [0.5, 0.5] f32 [1,4]
 * device.close();
 * ```
 */
export class AdditiveAttention extends Module {
  /** The projection W [p,a] of previous states, without a bias. */
  readonly previous: Linear;
  /** The projection U [d,a] of hidden states, without a bias. */
  readonly hidden: Linear;
  /** The vector v [a,1], which turns a comparison into a score. */
  readonly vector: Tensor;

  /** Creates the layer for hidden states of width d, `hiddenWidth`. */
  constructor(hiddenWidth: number, options: AdditiveAttentionOptions = {}) {
    super();
    const { previousWidth = hiddenWidth, attentionWidth = hiddenWidth } = options;
    const { initializer = normal(), random = layerRandom } = options;
    const linear = { bias: false, initializer, random };
    this.previous = new Linear(previousWidth, attentionWidth, linear);
    this.hidden = new Linear(hiddenWidth, attentionWidth, linear);
    this.vector = parameter([attentionWidth, 1], initializer, random);
  }

  /** The parts with parameters: `previous`, `hidden` and `vector`. */
  override parts(): Parts {
    return { previous: this.previous, hidden: this.hidden, vector: this.vector };
  }

  /**
   * How much attention each previous state pays to each hidden state, and the weighted sums.
   * TypeError if shapes or dtypes do not fit.
   */
  forward(hiddenStates: Tensor, previousState: Tensor): HiddenStateAttention {
    expectSequences("AdditiveAttention", hiddenStates, previousState);
    expectWidth("hiddenStates", hiddenStates, this.hidden);
    expectWidth("previousState", previousState, this.previous);
    const [th, tp, a] = [hiddenStates.shape.at(-2)!, previousState.shape.at(-2)!, this.vector.size];
    const leading = hiddenStates.shape.slice(0, -2);
    const rows = reshape(this.previous.forward(previousState), [...leading, tp, 1, a]);
    const columns = reshape(this.hidden.forward(hiddenStates), [...leading, 1, th, a]);
    // [...,Tp,Th,a] · [a,1]
    const scores = matmul(tanh(add(rows, columns)), this.vector);
    const weights = softmax(reshape(scores, [...leading, tp, th]));
    return { weights, context: matmul(weights, hiddenStates) };
  }
}

function expectWidth(name: string, x: Tensor, { weight }: Linear): void {
  const [width] = weight.shape;
  if (x.shape.at(-1) !== width) {
    throw new TypeError(
      `AdditiveAttention: expected ${name} [T,${width}], got ${formatShape(x.shape)}`,
    );
  }
}
