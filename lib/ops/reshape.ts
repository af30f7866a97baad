/**
 * Reshape: `Tensor.view` as a function.
 *
 * @module
 */
import { resolveShape, type Shape } from "../shape.ts";
import { expectTensor } from "../tensor/launch.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * x with another shape of the same size; one length may be −1 and is inferred. f32 or i32; nothing
 * is copied.
 *
 * ```ts
 * import { openDevice, reshape, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * console.log(reshape(tensor([1, 2, 3, 4]), [2, -1])); // f32 [2,2] on cpu: [[1, 2], [3, 4]]
 * device.close();
 * ```
 *
 * @throws {TypeError} if the sizes differ
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  expectTensor("reshape", x);
  return x.view(resolveShape("reshape", x, shape));
}
