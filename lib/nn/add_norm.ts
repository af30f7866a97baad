/**
 * Add & norm: the joint between the halves of a block.
 *
 * @module
 */
import { formatShape, sameShape } from "../shape.ts";
import { add } from "../ops/binary.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { LayerNorm } from "./layers.ts";
import { Module, type Parts } from "./module.ts";

/**
 * layerNorm(x + processed): [...,width] twice → [...,width]. x is what went into a layer,
 * `processed` what came out of it. Source: Vaswani et al., arXiv 1706.03762, section 3.1.
 *
 * ```ts
 * import { AddNorm, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const layer = new AddNorm(2);
 * console.log(await layer.forward(tensor([[1, 2]]), tensor([[0, 3]])).data()); // [-1, 1]
 * device.close();
 * ```
 */
export class AddNorm extends Module {
  /** The norm of the sum. */
  readonly norm: LayerNorm;

  /**
   * For a last axis of `width`; `epsilon`, default 1e-5, is added to the variance under the root.
   */
  constructor(width: number, epsilon = 1e-5) {
    super();
    this.norm = new LayerNorm(width, epsilon);
  }

  /** `norm`. */
  override parts(): Parts {
    return { norm: this.norm };
  }

  /** The layer's value. TypeError when the shapes differ. */
  forward(x: Tensor, processed: Tensor): Tensor {
    if (!sameShape(x.shape, processed.shape)) {
      throw new TypeError(
        `AddNorm: x ${formatShape(x.shape)} and processed ${
          formatShape(processed.shape)
        } differ in shape`,
      );
    }
    return this.norm.forward(add(x, processed));
  }
}
