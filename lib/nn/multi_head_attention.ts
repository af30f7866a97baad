/**
 * Multi-head attention of one sequence to another, or to itself.
 *
 * B batch, T time, C width, H heads, D = C/H. A GPT's own attention, with packed projections and a
 * cache, is in attention.ts.
 *
 * @module
 */
import { Random } from "../random.ts";
import { attention } from "../ops/attention.ts";
import { attentionWeights } from "../ops/attention_weights.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Initializer } from "./initializers.ts";
import { Linear } from "./layers.ts";
import { Module, type Parts } from "./module.ts";

/** Options of `MultiHeadAttention`. */
export interface MultiHeadAttentionOptions {
  /** H; it divides the width. */
  heads: number;
  /** Width of the keys' and values' source. Default: the width. */
  sourceWidth?: number;
  /** Biases in the four projections. Default true. */
  bias?: boolean;
  /** Of the four weights. Default N(0, 0.02²). */
  initializer?: Initializer;
  /** Default: `new Random(0)`. */
  random?: Random;
}

/** What holds for one call of `MultiHeadAttention`. */
export interface AttendOptions {
  /** Where keys and values come from, [B,Tk,sourceWidth]. Default: the queries' own sequence. */
  source?: Tensor;
  /** Hide keys after the query's place. Default false. */
  causal?: boolean;
  /** i32 [B]: hide the keys of sequence b from keyLengths[b] on, its padding. */
  keyLengths?: Tensor;
}

/**
 * Concat(head₁ … head_H)·W_o with headᵢ = softmax(QᵢKᵢᵀ/√D)·Vᵢ, Q = x·W_q, K = source·W_k, V =
 * source·W_v: [B,Tq,C] → [B,Tq,C].
 *
 * A query that sees no key gets zeros before the last projection. Source: Vaswani et al., arXiv
 * 1706.03762, section 3.2.2.
 *
 * ```ts
 * import { MultiHeadAttention, openDevice, zeros } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const layer = new MultiHeadAttention(8, { heads: 2 });
 * const [x, source] = [zeros([1, 3, 8]), zeros([1, 5, 8])];
 * console.log(`${layer.forward(x, { source })} ${layer.weights(x, { source })}`); // f32 [1,3,8] f32 [1,2,3,5]
 * device.close();
 * ```
 */
export class MultiHeadAttention extends Module {
  /** H. */
  readonly heads: number;
  /** x·W_q + b_q. */
  readonly query: Linear;
  /** source·W_k + b_k. */
  readonly key: Linear;
  /** source·W_v + b_v. */
  readonly value: Linear;
  /** The output projection. */
  readonly projection: Linear;

  /** RangeError when the heads do not divide the width. */
  constructor(width: number, options: MultiHeadAttentionOptions) {
    super();
    const { heads, sourceWidth = width, bias, initializer, random = new Random(0) } = options;
    if (!Number.isInteger(width / heads) || heads < 1) {
      throw new RangeError(`MultiHeadAttention: ${heads} heads do not divide the width ${width}`);
    }
    this.heads = heads;
    const linear = { bias, initializer, random };
    this.query = new Linear(width, width, linear);
    this.key = new Linear(sourceWidth, width, linear);
    this.value = new Linear(sourceWidth, width, linear);
    this.projection = new Linear(width, width, linear);
  }

  /** The four projections. */
  override parts(): Parts {
    const { query, key, value, projection } = this;
    return { query, key, value, projection };
  }

  /** x [B,Tq,C] → [B,Tq,C]. */
  forward(x: Tensor, options: AttendOptions = {}): Tensor {
    const { source = x, causal, keyLengths } = options;
    const [q, k] = this.#queriesAndKeys(x, source);
    const values = this.value.forward(source);
    const { heads } = this;
    return this.projection.forward(attention(q, k, values, { heads, causal, keyLengths }));
  }

  /** The probabilities that `forward` weighs values with: [B,H,Tq,Tk]. No gradient flows. */
  weights(x: Tensor, options: AttendOptions = {}): Tensor {
    const { source = x, causal, keyLengths } = options;
    const { heads } = this;
    return attentionWeights(...this.#queriesAndKeys(x, source), { heads, causal, keyLengths });
  }

  #queriesAndKeys(x: Tensor, source: Tensor): [Tensor, Tensor] {
    return [this.query.forward(x), this.key.forward(source)];
  }
}
