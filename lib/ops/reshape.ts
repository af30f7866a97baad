/**
 * Reshape: the same memory under another shape.
 *
 * @module
 */
import { formatShape, type Shape, size } from "../shape.ts";
import { differentiable } from "../tensor/autograd.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * x with another shape of the same size; one length may be −1, for what is left. Nothing is copied.
 * TypeError when the sizes differ.
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const known = size(shape.filter((length) => length !== -1));
  const resolved = shape.map((length) => length === -1 ? x.size / known : length);
  if (size(resolved) !== x.size || resolved.some((length) => !Number.isInteger(length))) {
    throw new TypeError(
      `reshape: ${x} has ${x.size} elements, which do not fill ${formatShape(shape)}`,
    );
  }
  return differentiable(x.view(resolved), [x], (dy) => [dy.view(x.shape)]);
}
