/**
 * Transpose: the axes of a tensor in another order.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { formatShape, normalizeAxis, strides } from "../shape.ts";
import { differentiable } from "../tensor/autograd.ts";
import { expectTensor } from "../tensor/launch.ts";
import { stridedCopy } from "./strided_copy.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

/**
 * x with its axes in the order `axes`, as in NumPy: y's axis i is x's axis `axes[i]`. f32 or i32;
 * i32 gets no gradient.
 *
 * `axes` names each axis once, negative ones counted from the last; the default reverses the order.
 * Nothing is copied if only axes of length 1 move.
 *
 * ```ts
 * import { openDevice, tensor, transpose } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * console.log(await transpose(tensor([[1, 2, 3], [4, 5, 6]])).data()); // [1, 4, 2, 5, 3, 6]
 * device.close();
 * ```
 *
 * @throws {TypeError} for another list
 */
export function transpose(
  x: Tensor,
  axes: readonly number[] = x?.shape?.map((_, axis) => axis).reverse(),
): Tensor {
  expectTensor("transpose", x);
  if (!Array.isArray(axes)) {
    throw new TypeError(
      `transpose: expected a list of all axes such as [1, 0], got ${describe(axes)}`,
    );
  }
  const order = axes.map((axis) => normalizeAxis("transpose", axis, x.shape.length));
  if (order.length !== x.shape.length || new Set(order).size !== order.length) {
    throw new TypeError(
      `transpose: expected each of the ${x.shape.length} axes of ${x} once, got ${
        formatShape(axes)
      }`,
    );
  }
  const inverse = order.map((_, axis) => order.indexOf(axis));
  const y = permute(x, order);
  return x.dtype === "i32" ? y : differentiable(y, [x], (dy) => [permute(dy, inverse)]);
}

function permute(x: Tensor, order: readonly number[]): Tensor {
  const shape = order.map((axis) => x.shape[axis]);
  const moved = order.filter((axis) => x.shape[axis] !== 1);
  if (moved.every((axis, i) => i === 0 || axis > moved[i - 1])) return x.view(shape);
  const y = empty(shape, { dtype: x.dtype, device: x.device });
  const steps = strides(x.shape);
  const from = { tensor: x, steps: order.map((axis) => steps[axis]) };
  stridedCopy(shape, from, { tensor: y, steps: strides(shape) });
  return y;
}
