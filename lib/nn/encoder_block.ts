/**
 * The encoder block: self-attention in both directions and a feed-forward, each followed by add &
 * norm.
 *
 * B batch, S time, C width, H heads. The decoder's is decoder_block.ts; a GPT's own, with packed
 * projections and a cache, block.ts.
 *
 * @module
 */
import { Random } from "../random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { AddNorm } from "./add_norm.ts";
import type { Activation } from "../ops/activation.ts";
import { FeedForward } from "./feed_forward.ts";
import { type Initializer, varianceScaling } from "./initializers.ts";
import { Module, type Parts } from "./module.ts";
import { MultiHeadAttention } from "./multi_head_attention.ts";

/** Options of `EncoderBlock` and `DecoderBlock`. */
export interface TransformerBlockOptions {
  /** H; it divides the width. */
  heads: number;
  /** The feed-forward's inner size. Default 4 · width. */
  hidden?: number;
  /** The feed-forward's non-linearity. Default `gelu_tanh`. */
  activation?: Activation;
  /** Added to the norms' variance under the root. Default 1e-5. */
  epsilon?: number;
  /** Of all matrices. Default Glorot's uniform one, as in the source. */
  initializer?: Initializer;
  /** Default: `new Random(0)`. */
  random?: Random;
}

/** What holds for one call of an `EncoderBlock`. */
export interface EncodeOptions {
  /** i32 [B]: hide the places of sequence b from lengths[b] on, its padding. Default: none. */
  lengths?: Tensor;
  /** Is given the weights of attention, [B,H,S,S]. */
  weights?: Tensor[];
}

/** The options with their defaults. */
export function blockOptions(
  { initializer, random = new Random(0), ...options }: TransformerBlockOptions,
): TransformerBlockOptions & { initializer: Initializer; random: Random } {
  const glorot = varianceScaling({ mode: "fan_avg", distribution: "uniform" });
  return { ...options, initializer: initializer ?? glorot, random };
}

/** The feed-forward of a block of this width. */
export function blockFeedForward(width: number, options: TransformerBlockOptions): FeedForward {
  const { hidden = 4 * width, activation = "gelu_tanh", initializer, random } = blockOptions(
    options,
  );
  const config = { width, hidden, activation, bias: true, gated: false };
  return new FeedForward(config, random, { up: initializer, down: initializer });
}

/**
 * norm(x + attention(x)), then norm(x + feedForward(x)): [B,S,C] → [B,S,C], each token looking at
 * all that are no padding.
 *
 * A block's output at padding means nothing. Source: Vaswani et al., arXiv 1706.03762, section 3.1.
 *
 * ```ts
 * import { EncoderBlock, openDevice, tensor, zeros } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const block = new EncoderBlock(8, { heads: 2 });
 * const lengths = tensor(new Int32Array([5, 3]));
 * console.log(`${block.forward(zeros([2, 5, 8]), { lengths })}`); // f32 [2,5,8]
 * device.close();
 * ```
 */
export class EncoderBlock extends Module {
  /** Tokens look at each other. */
  readonly attention: MultiHeadAttention;
  /** After attention. */
  readonly norm1: AddNorm;
  /** Each token for itself. */
  readonly feedForward: FeedForward;
  /** After the feed-forward. */
  readonly norm2: AddNorm;

  /** RangeError when the heads do not divide the width. */
  constructor(width: number, options: TransformerBlockOptions) {
    super();
    const whole = blockOptions(options);
    this.attention = new MultiHeadAttention(width, whole);
    this.norm1 = new AddNorm(width, whole.epsilon);
    this.feedForward = blockFeedForward(width, whole);
    this.norm2 = new AddNorm(width, whole.epsilon);
  }

  /** `attention`, `norm1`, `feedForward` and `norm2`. */
  override parts(): Parts {
    const { attention, norm1, feedForward, norm2 } = this;
    return { attention, norm1, feedForward, norm2 };
  }

  /** [B,S,C] → [B,S,C]. */
  forward(x: Tensor, { lengths, weights }: EncodeOptions = {}): Tensor {
    const mask = { keyLengths: lengths };
    weights?.push(this.attention.weights(x, mask));
    const attended = this.norm1.forward(x, this.attention.forward(x, mask));
    return this.norm2.forward(attended, this.feedForward.forward(attended));
  }
}
