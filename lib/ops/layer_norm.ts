/**
 * Layer normalization over the last axis.
 *
 * @module
 */
import { norm } from "./norm.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * (x − mean)/√(variance + epsilon)·gain + bias, mean and variance (biased) over the last axis. x:
 * f32 [...,width], gain and bias: [width], default 1 and 0; the result has x's shape. `epsilon`
 * defaults to 1e-5.
 *
 * Source: Ba, Kiros & Hinton, arXiv 1607.06450.
 *
 * ```ts
 * import { layerNorm, ones, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * console.log(await layerNorm(tensor([[1, 2, 3]]), ones([3])).data()); // [-1.22…, 0, 1.22…]
 * device.close();
 * ```
 *
 * @throws {TypeError} if the shapes do not fit
 */
export function layerNorm(x: Tensor, gain?: Tensor, bias?: Tensor, epsilon = 1e-5): Tensor {
  return norm("layerNorm", x, { centered: true, gain, bias, epsilon });
}
