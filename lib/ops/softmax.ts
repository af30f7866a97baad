/**
 * Softmax and its logarithm over an axis, each with its derivative under it.
 *
 * Cross-entropy on integer targets, which needs neither, is in cross_entropy.ts.
 *
 * @module
 */
import { softmax as cpu } from "../../kernels/cpu/softmax.ts";
import { softmaxBackward as cpuBackward } from "../../kernels/cpu/softmax_backward.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { checkOptions } from "../options.ts";
import { differentiable } from "../tensor/autograd.ts";
import { expectType, launch } from "../tensor/launch.ts";
import { overLastAxis } from "./last_axis.ts";
import { cutRows, rowWorkgroups } from "./rows.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

const FORWARD: Kernel = {
  name: "softmax",
  reads: { x: "f32" },
  writes: { y: "f32" },
  scalars: { rows: "u32", width: "u32", group: "u32" },
  webgpu: { code: wgsl("softmax"), workgroups: rowWorkgroups },
  cpu,
};

const BACKWARD: Kernel = {
  name: "softmax_backward",
  reads: { dy: "f32", y: "f32" },
  writes: { dx: "f32" },
  scalars: { rows: "u32", width: "u32", group: "u32" },
  webgpu: { code: wgsl("softmax_backward"), workgroups: rowWorkgroups },
  cpu: cpuBackward,
};

/** Options of `softmax` and `logSoftmax`. */
export interface SoftmaxOptions {
  /**
   * The axis to normalize over; a negative one counts from the last. Default −1; any other axis is
   * moved to the end and back, which takes two copies.
   */
  axis?: number;
}

/**
 * eˣ / Σ eˣ over an axis. x: f32 of any shape; the result has its shape. Elements of −∞ give 0, a
 * row of nothing else gives zeros.
 *
 * ```ts
 * import { openDevice, softmax, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * console.log(await softmax(tensor([0, 0, -Infinity])).data()); // [0.5, 0.5, 0]
 * device.close();
 * ```
 *
 * @throws {TypeError} if x is not f32
 * @throws {RangeError} if the axis does not exist
 */
export function softmax(x: Tensor, options: SoftmaxOptions = {}): Tensor {
  return alongAxis("softmax", x, options, 0);
}

/**
 * ln softmax(x) = x − ln Σ eˣ over an axis. x: f32 of any shape; the result has its shape. Elements
 * of −∞ stay −∞.
 *
 * @throws {TypeError} if x is not f32
 * @throws {RangeError} if the axis does not exist
 */
export function logSoftmax(x: Tensor, options: SoftmaxOptions = {}): Tensor {
  return alongAxis("logSoftmax", x, options, 1);
}

function alongAxis(operation: string, x: Tensor, options: SoftmaxOptions, LOG: number): Tensor {
  expectType(operation, x, "f32");
  checkOptions(operation, options, { axis: true });
  const { axis = -1 } = options;
  return overLastAxis(operation, x, axis, (rows) => rowSoftmax(operation, rows, LOG));
}

function rowSoftmax(operation: string, x: Tensor, LOG: number): Tensor {
  const { scalars, lanes } = cutRows(operation, x);
  const y = empty(x.shape, { device: x.device });
  launch(FORWARD, { x, y }, scalars, { LOG, ...lanes });
  return differentiable(y, [x], (dy) => {
    const dx = empty(x.shape, { device: x.device });
    launch(BACKWARD, { dy, y, dx }, scalars, { LOG, ...lanes });
    return [dx];
  });
}
