/**
 * The decoder block: attention and feed-forward, each with a residual and a norm before or after.
 *
 * @module
 */
import type { Random } from "../random.ts";
import { add } from "../ops/binary.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { CausalSelfAttention } from "./attention.ts";
import type { ModelConfig } from "./config.ts";
import type { ForwardContext } from "./context.ts";
import { FeedForward } from "./feed_forward.ts";
import { gpt2Weights, type InitialWeights } from "./initial_weights.ts";
import { LayerNorm, RMSNorm } from "./layers.ts";
import { Module, type Parts } from "./module.ts";

/** The norm that the configuration asks for. */
export function makeNorm({ norm, width, normEpsilon }: ModelConfig): LayerNorm | RMSNorm {
  return norm === "layer" ? new LayerNorm(width, normEpsilon) : new RMSNorm(width, normEpsilon);
}

/**
 * pre: x + attention(norm(x)), then x + feedForward(norm(x)); post: norm(x + attention(x)), then
 * norm(x + feedForward(x)).
 */
export class Block extends Module {
  /** The attention's norm. */
  readonly norm1: LayerNorm | RMSNorm;
  /** Tokens look at those before them. */
  readonly attention: CausalSelfAttention;
  /** The feed-forward's norm. */
  readonly norm2: LayerNorm | RMSNorm;
  /** Each token for itself. */
  readonly feedForward: FeedForward;

  /** Block number `layer`, counted from 0, with initial weights drawn from `random`. */
  constructor(
    readonly config: ModelConfig,
    layer: number,
    random: Random,
    initial: InitialWeights = gpt2Weights(config.layers),
  ) {
    super();
    this.norm1 = makeNorm(config);
    this.attention = new CausalSelfAttention(config, layer, random, initial);
    this.norm2 = makeNorm(config);
    this.feedForward = new FeedForward(config, random, initial);
  }

  /** `ln_1`, `attn`, `ln_2` and `mlp`. */
  override parts(): Parts {
    return { ln_1: this.norm1, attn: this.attention, ln_2: this.norm2, mlp: this.feedForward };
  }

  /** [B,T,C] → [B,T,C]. */
  forward(x: Tensor, context: ForwardContext): Tensor {
    const pre = this.config.normPlacement === "pre";
    const attend = (input: Tensor, residual?: Tensor) =>
      this.attention.forward(input, context, residual);
    const feed = (input: Tensor, residual?: Tensor) => this.feedForward.forward(input, residual);
    const afterAttention = this.#half(x, pre, this.norm1, attend, context);
    return this.#half(afterAttention, pre, this.norm2, feed, context);
  }

  #half(
    x: Tensor,
    pre: boolean,
    norm: LayerNorm | RMSNorm,
    layer: (input: Tensor, residual?: Tensor) => Tensor,
    context: ForwardContext,
  ): Tensor {
    const input = pre ? norm.forward(x) : x;
    const drops = context.options.randomState !== undefined && this.config.dropout > 0;
    const sum = drops
      ? add(x, context.dropout(layer(input), this.config.dropout))
      : layer(input, x);
    return pre ? sum : norm.forward(sum);
  }
}
