/**
 * The decoder block: causal self-attention, attention to an encoder's output where there is one,
 * and a feed-forward, each followed by add & norm.
 *
 * B batch, T time of the decoder, S time of the encoder, C width, H heads.
 *
 * @module
 */
import type { Tensor } from "../tensor/tensor.ts";
import { AddNorm } from "./add_norm.ts";
import { blockFeedForward, blockOptions, type TransformerBlockOptions } from "./encoder_block.ts";
import type { FeedForward } from "./feed_forward.ts";
import { Module, type Parts } from "./module.ts";
import { MultiHeadAttention } from "./multi_head_attention.ts";

/** Options of `DecoderBlock`. */
export interface DecoderBlockOptions extends TransformerBlockOptions {
  /** Look at an encoder's output, too. Default false: the block of a language model. */
  crossAttention?: boolean;
}

/** What holds for one call of a `DecoderBlock`. */
export interface DecodeBlockOptions {
  /** The encoder's output, [B,S,C]; needed where there is cross-attention, and only there. */
  memory?: Tensor;
  /** i32 [B]: hide the memory of sequence b from memoryLengths[b] on. Default: none. */
  memoryLengths?: Tensor;
  /**
   * i32 [B]: hide the places of sequence b from lengths[b] on. Default: none; what stands after a
   * token is hidden from it in any case.
   */
  lengths?: Tensor;
  /** Is given the weights of self-attention, [B,H,T,T]. */
  weights?: Tensor[];
  /** Is given the weights of cross-attention, [B,H,T,S]. */
  crossWeights?: Tensor[];
}

/**
 * norm(x + attention(x)), with cross-attention norm(x + attention(x, memory)), then norm(x +
 * feedForward(x)): [B,T,C] → [B,T,C], each token looking at itself and those before it.
 *
 * Source: Vaswani et al., arXiv 1706.03762, section 3.1.
 *
 * ```ts
 * import { DecoderBlock, openDevice, type Tensor, zeros } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const weights: Tensor[] = [];
 * const block = new DecoderBlock(8, { heads: 2, crossAttention: true });
 * const y = block.forward(zeros([1, 3, 8]), { memory: zeros([1, 5, 8]), crossWeights: weights });
 * console.log(`${y} ${weights}`); // f32 [1,3,8] f32 [1,2,3,5]
 * device.close();
 * ```
 */
export class DecoderBlock extends Module {
  /** Tokens look at those before them. */
  readonly attention: MultiHeadAttention;
  /** After self-attention. */
  readonly norm1: AddNorm;
  /** Tokens look at the memory; undefined without cross-attention. */
  readonly crossAttention: MultiHeadAttention | undefined;
  /** After cross-attention; undefined without it. */
  readonly crossNorm: AddNorm | undefined;
  /** Each token for itself. */
  readonly feedForward: FeedForward;
  /** After the feed-forward. */
  readonly norm2: AddNorm;

  /** RangeError when the heads do not divide the width. */
  constructor(width: number, { crossAttention = false, ...options }: DecoderBlockOptions) {
    super();
    const whole = blockOptions(options);
    this.attention = new MultiHeadAttention(width, whole);
    this.norm1 = new AddNorm(width, whole.epsilon);
    this.crossAttention = crossAttention ? new MultiHeadAttention(width, whole) : undefined;
    this.crossNorm = crossAttention ? new AddNorm(width, whole.epsilon) : undefined;
    this.feedForward = blockFeedForward(width, whole);
    this.norm2 = new AddNorm(width, whole.epsilon);
  }

  /**
   * `attention`, `norm1`, `crossAttention` and `crossNorm` where there are any, `feedForward` and
   * `norm2`.
   */
  override parts(): Parts {
    const { attention, norm1, crossAttention, crossNorm, feedForward, norm2 } = this;
    return { attention, norm1, crossAttention, crossNorm, feedForward, norm2 };
  }

  /**
   * [B,T,C] → [B,T,C]. TypeError where a memory is missing, or given to a block without
   * cross-attention.
   */
  forward(x: Tensor, options: DecodeBlockOptions = {}): Tensor {
    const mask = { causal: true, keyLengths: options.lengths };
    options.weights?.push(this.attention.weights(x, mask));
    const attended = this.norm1.forward(x, this.attention.forward(x, mask));
    const crossed = this.#cross(attended, options);
    return this.norm2.forward(crossed, this.feedForward.forward(crossed));
  }

  #cross(x: Tensor, { memory, memoryLengths, crossWeights }: DecodeBlockOptions): Tensor {
    const { crossAttention, crossNorm } = this;
    if ((crossAttention === undefined) !== (memory === undefined)) {
      const [has, got] = [crossAttention ? "cross-" : "no cross-", memory ?? "none"];
      throw new TypeError(`DecoderBlock: it has ${has}attention, and as memory it got ${got}`);
    }
    if (!crossAttention || !crossNorm || !memory) return x;
    const look = { source: memory, keyLengths: memoryLengths };
    crossWeights?.push(crossAttention.weights(x, look));
    return crossNorm.forward(x, crossAttention.forward(x, look));
  }
}
