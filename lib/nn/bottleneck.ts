/**
 * A bottleneck: two small linear layers around an activation, added to what a block's layer gives.
 *
 * C width, S size of the bottleneck. See lib/adapt/bottleneck.ts for putting them on a model.
 *
 * @module
 */
import { Random } from "../random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { constant, normal } from "./initializers.ts";
import { Linear } from "./layers.ts";
import { Module, type Parts } from "./module.ts";

/**
 * h + relu(h·W + b)·W′ + b′, W [C,S], W′ [S,C]: [..., C] → [..., C]. W′, b and b′ start at 0, so it
 * changes nothing. Source: Houlsby et al., arXiv 1902.00751.
 */
export class Bottleneck extends Module {
  /** C → S: W and b. */
  readonly down: Linear;
  /** S → C: W′ and b′. */
  readonly up: Linear;

  /**
   * Draws W from N(0, 0.02²).
   *
   * @throws {RangeError} unless `width` and `size` are whole numbers from 1
   */
  constructor(width: number, size: number, random: Random = new Random(0)) {
    super();
    this.down = new Linear(width, size, { initializer: normal(), random });
    this.up = new Linear(size, width, { initializer: constant(0), random });
  }

  /** `down` and `up`. */
  override parts(): Parts {
    return { down: this.down, up: this.up };
  }

  /** The value: [..., C] → [..., C]. */
  forward(h: Tensor): Tensor {
    return this.up.forward(this.down.forward(h, { activation: "relu" }), { residual: h });
  }
}
