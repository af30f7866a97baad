/**
 * The feed-forward half of a block, plain or gated.
 *
 * @module
 */
import type { Random } from "../random.ts";
import { mul } from "../ops/binary.ts";
import { feedForward } from "../ops/feed_forward.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ModelConfig } from "./config.ts";
import { gpt2Weights, type InitialWeights } from "./initial_weights.ts";
import { Linear } from "./layers.ts";
import { Module, type Parts } from "./module.ts";

/** What a feed-forward needs to know; a model's configuration says it. */
export type FeedForwardConfig = Pick<
  ModelConfig,
  "width" | "hidden" | "bias" | "gated" | "activation"
>;

/**
 * activation(x·W₁ + b₁)·W₂ + b₂, or gated (activation(x·W₁ + b₁) ⊙ (x·W₃ + b₃))·W₂ + b₂: [..., C] →
 * [..., C], inner size `config.hidden`. Source of the gate: Shazeer, arXiv 2002.05202.
 */
export class FeedForward extends Module {
  /** C → hidden: W₁ and b₁, or W₃ and b₃ where gated. */
  readonly up: Linear;
  /** C → hidden: W₁ and b₁ of the gate; undefined where not gated. */
  readonly gate: Linear | undefined;
  /** hidden → C: W₂ and b₂. */
  readonly down: Linear;

  /** Draws the initial weights from `random`, by default as in a GPT-2 of one layer. */
  constructor(
    readonly config: FeedForwardConfig,
    random: Random,
    { up, down }: Pick<InitialWeights, "up" | "down"> = gpt2Weights(1),
  ) {
    super();
    const { width, hidden, bias, gated } = config;
    const first = { bias, random, initializer: up };
    this.up = new Linear(width, hidden, first);
    this.gate = gated ? new Linear(width, hidden, first) : undefined;
    this.down = new Linear(hidden, width, { bias, random, initializer: down });
  }

  /** `c_fc`, `c_gate` where gated, and `c_proj`. */
  override parts(): Parts {
    return { c_fc: this.up, c_gate: this.gate, c_proj: this.down };
  }

  /** The layer's value; `residual` is added in the last kernel. */
  forward(x: Tensor, residual?: Tensor): Tensor {
    const { activation } = this.config;
    const { up, gate, down } = this;
    if (gate) {
      const inner = mul(gate.forward(x, { activation }), up.forward(x));
      return down.forward(inner, { residual });
    }
    if (up.int8) return down.forward(up.forward(x, { activation }), { residual });
    return feedForward(x, up.weight, up.bias, down.weight, down.bias, { activation, residual });
  }
}
