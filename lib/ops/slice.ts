/**
 * Slice: a range of one axis.
 *
 * @module
 */
import { checkOptions } from "../options.ts";
import { normalizeAxis, sameShape, size, strides } from "../shape.ts";
import { differentiable } from "../tensor/autograd.ts";
import { consume } from "../tensor/copy.ts";
import { expectTensor } from "../tensor/launch.ts";
import { stridedCopy } from "./strided_copy.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

/** Options of `slice`. */
export interface SliceOptions {
  /** The axis to cut; a negative one counts from the last. */
  axis: number;
  /** The first index that is taken; a negative one counts from the end. Default 0. */
  start?: number;
  /**
   * The index after the last one that is taken; a negative one counts from the end. Default: the
   * axis's length.
   */
  end?: number;
}

/**
 * The elements of x whose index along `axis` is in [start, end): a copy. f32 or i32 of any shape;
 * i32 gets no gradient.
 *
 * If several slices of one tensor get gradients, each is added into one tensor of x's shape.
 *
 * ```ts
 * import { openDevice, slice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const x = tensor([[1, 2, 3], [4, 5, 6]]);
 * console.log(await slice(x, { axis: 1, start: 1 }).data()); // [2, 3, 5, 6]
 * device.close();
 * ```
 *
 * @throws {RangeError} if the axis does not exist or does not contain the range
 */
export function slice(x: Tensor, options: SliceOptions): Tensor {
  expectTensor("slice", x);
  checkOptions("slice", options, { axis: true, start: true, end: true });
  const { axis, start = 0, end } = options;
  const at = normalizeAxis("slice", axis, x.shape.length);
  const length = x.shape[at];
  const fromFront = (index: number) => index < 0 ? index + length : index;
  const [first, after] = [fromFront(start), fromFront(end ?? length)];
  if (
    !Number.isInteger(first) || !Number.isInteger(after) || first < 0 || after < first ||
    after > length
  ) {
    throw new RangeError(
      `slice: expected a range inside 0 … ${length} on axis ${axis} of ${x}, got ${start} … ${
        end ?? length
      }`,
    );
  }
  const shape = x.shape.with(at, after - first);
  if (sameShape(shape, x.shape)) return x;
  const steps = strides(x.shape);
  const place = first * steps[at];
  const y = empty(shape, { dtype: x.dtype, device: x.device });
  stridedCopy(shape, { tensor: x, steps, start: place }, { tensor: y, steps: strides(shape) });
  if (x.dtype === "i32") return y;
  return differentiable(y, [x], (dy, [gathered]) => {
    const dx = gathered ? consume(gathered) : empty(x.shape, { device: x.device });
    if (!gathered) stridedCopy([size(x.shape)], undefined, { tensor: dx, steps: [1] });
    const from = { tensor: dy, steps: strides(shape) };
    stridedCopy(shape, from, { tensor: dx, steps, start: place }, gathered ? "add" : "copy");
    return [dx];
  }, { sums: [0] });
}
