/**
 * The feed-forward half of a block, plain or gated.
 *
 * @module
 */
import type { Random } from "../random.ts";
import { activate } from "../ops/activation.ts";
import { mul } from "../ops/binary.ts";
import { feedForward } from "../ops/feed_forward.ts";
import { checkOptions } from "../options.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { BLOCK_OPTIONS, type BlockConfig } from "./block_config.ts";
import { expectWholeNumber } from "./config_checks.ts";
import { ForwardContext } from "./context.ts";
import { type BlockWeights, sameWeights } from "./initial_weights.ts";
import { layerRandom, normal } from "./initializers.ts";
import { Linear } from "./layers.ts";
import { Module, type Parts } from "./module.ts";
import type { Points } from "./points.ts";

/** The part of a block's configuration that its feed-forward depends on. */
export type FeedForwardConfig = Pick<
  BlockConfig,
  "width" | "hidden" | "bias" | "gated" | "activation" | "activationDropout"
>;

/** Options of a `FeedForward`. */
export interface FeedForwardLayerOptions {
  /** Initializers of the matrices. Default: N(0, 0.02²). */
  initial?: Pick<BlockWeights, "up" | "down">;
  /** The random stream they draw from. Default: one stream that all such layers share. */
  random?: Random;
}

/**
 * activation(x·W₁ + b₁)·W₂ + b₂, or gated (activation(x·W₁ + b₁) ⊙ (x·W₃ + b₃))·W₂ + b₂: [..., C] →
 * [..., C], inner size `config.hidden`. Source of the gate: Shazeer, arXiv 2002.05202.
 */
export class FeedForward extends Module {
  /** C → hidden: W₁ and b₁, or W₃ and b₃ if gated. */
  readonly up: Linear;
  /** C → hidden: W₁ and b₁ of the gate; undefined unless gated. */
  readonly gate: Linear | undefined;
  /** hidden → C: W₂ and b₂. */
  readonly down: Linear;

  /**
   * Draws the matrices from the options' initializers and sets biases to 0.
   *
   * @throws {RangeError} unless the sizes are whole numbers from 1
   */
  constructor(readonly config: FeedForwardConfig, options: FeedForwardLayerOptions = {}) {
    super();
    checkOptions("FeedForward", config, BLOCK_OPTIONS);
    checkOptions("FeedForward", options, { initial: true, random: true });
    const { width, hidden, bias, gated } = config;
    expectWholeNumber("width", width, "FeedForward");
    expectWholeNumber("hidden", hidden, "FeedForward");
    const { random = layerRandom, initial: { up, down } = sameWeights(normal()) } = options;
    const first = { bias, random, initializer: up };
    this.up = new Linear(width, hidden, first);
    this.gate = gated ? new Linear(width, hidden, first) : undefined;
    this.down = new Linear(hidden, width, { bias, random, initializer: down });
  }

  /** `c_fc`, `c_gate` if gated, and `c_proj`. */
  override parts(): Parts {
    return { c_fc: this.up, c_gate: this.gate, c_proj: this.down };
  }

  /**
   * The layer's value; `residual` is added in the last kernel, and the inner values are dropped in
   * training at the rate `activationDropout`. The points are `hook_pre`, before the activation,
   * `hook_pre_linear`, what a gate multiplies, and `hook_post`, what W₂ multiplies.
   */
  forward(
    x: Tensor,
    residual?: Tensor,
    context: ForwardContext = new ForwardContext(),
    points?: Points,
  ): Tensor {
    if (points?.wants("hook_pre", "hook_pre_linear", "hook_post")) {
      return this.down.forward(this.#inner(x, context, points), { residual, context });
    }
    const { activation, activationDropout = 0 } = this.config;
    const { up, gate, down } = this;
    const isAdapted = up.updates.length + down.updates.length > 0;
    if (gate || up.quantized || isAdapted || context.drops(activationDropout)) {
      const active = (gate ?? up).forward(x, { activation, context });
      const inner = gate ? mul(active, up.forward(x, { context })) : active;
      return down.forward(context.dropout(inner, activationDropout), { residual, context });
    }
    return feedForward(x, up.weight, up.bias, down.weight, down.bias, { activation, residual });
  }
  /** The inner values, step by step. */
  #inner(x: Tensor, context: ForwardContext, points: Points): Tensor {
    const { activation, activationDropout = 0 } = this.config;
    const { up, gate } = this;
    const pre = points.visit("hook_pre", (gate ?? up).forward(x, { context }));
    const active = activate(pre, activation);
    const inner = gate
      ? mul(active, points.visit("hook_pre_linear", up.forward(x, { context })))
      : active;
    return points.visit("hook_post", context.dropout(inner, activationDropout));
  }
}
