/**
 * Root-mean-square normalization over the last axis.
 *
 * @module
 */
import { norm } from "./norm.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * x/√(mean(x²) + epsilon)·gain, the mean over the last axis. x: f32 [...,width], gain: [width],
 * default 1; the result has x's shape. `epsilon` defaults to 1e-5.
 *
 * Source: Zhang & Sennrich, arXiv 1910.07467.
 *
 * ```ts
 * import { ones, openDevice, rmsNorm, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * console.log(await rmsNorm(tensor([[3, 4]]), ones([2])).data()); // [0.848…, 1.131…]
 * device.close();
 * ```
 *
 * @throws {TypeError} if the shapes do not fit
 */
export function rmsNorm(x: Tensor, gain?: Tensor, epsilon = 1e-5): Tensor {
  return norm("rmsNorm", x, { centered: false, gain, epsilon });
}
