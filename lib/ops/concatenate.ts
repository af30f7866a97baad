/**
 * Concatenate: tensors joined along an axis.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { normalizeAxis, sameShape, strides } from "../shape.ts";
import { differentiable, isTracked } from "../tensor/autograd.ts";
import { deviceOf, expectTensor } from "../tensor/launch.ts";
import { slice } from "./slice.ts";
import { stridedCopy } from "./strided_copy.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

/** Options of `concatenate`. */
export interface ConcatenateOptions {
  /** The axis to join along; a negative one counts from the last. Default 0. */
  axis?: number;
}

/**
 * The tensors joined along an axis. All are f32 or all i32, and of one shape except for that axis;
 * i32 gets no gradient.
 *
 * ```ts
 * import { concatenate, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const joined = concatenate([tensor([[1, 2]]), tensor([[3]])], { axis: -1 });
 * console.log(await joined.data()); // [1, 2, 3]
 * device.close();
 * ```
 *
 * @throws {TypeError} if there is no tensor or they do not fit
 * @throws {RangeError} if the axis does not exist
 */
export function concatenate(tensors: readonly Tensor[], options: ConcatenateOptions = {}): Tensor {
  checkOptions("concatenate", options, { axis: true });
  if (!Array.isArray(tensors) || tensors.length === 0) {
    throw new TypeError(
      `concatenate: expected an array of at least one tensor, got ${describe(tensors)}`,
    );
  }
  for (const each of tensors) expectTensor("concatenate", each);
  const { axis = 0 } = options;
  const [{ shape: first, dtype }] = tensors;
  const device = deviceOf("concatenate", tensors);
  const at = normalizeAxis("concatenate", axis, first.length);
  const fits = (x: Tensor) =>
    x.dtype === dtype && x.shape.length === first.length &&
    sameShape(x.shape.with(at, 0), first.with(at, 0));
  if (!tensors.every(fits)) {
    throw new TypeError(
      `concatenate: expected one dtype and one shape except for axis ${axis}, got ${
        tensors.join(", ")
      }`,
    );
  }
  const starts: number[] = [];
  const length = tensors.reduce((sum, x) => (starts.push(sum), sum + x.shape[at]), 0);
  const shape = first.with(at, length);
  const y = empty(shape, { dtype, device });
  const steps = strides(shape);
  tensors.forEach((x, i) => {
    const to = { tensor: y, steps, start: starts[i] * steps[at] };
    stridedCopy(x.shape, { tensor: x, steps: strides(x.shape) }, to);
  });
  if (dtype === "i32") return y;
  const tracked = tensors.map(isTracked);
  return differentiable(
    y,
    tensors,
    (dy) =>
      tensors.map((x, i) =>
        tracked[i]
          ? slice(dy, { axis: at, start: starts[i], end: starts[i] + x.shape[at] })
          : undefined
      ),
  );
}
