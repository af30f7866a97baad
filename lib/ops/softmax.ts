/**
 * Softmax and its logarithm over the last axis, each with its derivative under it.
 *
 * Cross-entropy on integer targets, which needs neither, is in cross_entropy.ts.
 *
 * @module
 */
import { softmax as cpu } from "../../kernels/cpu/softmax.ts";
import { softmaxBackward as cpuBackward } from "../../kernels/cpu/softmax_backward.ts";
import { wgsl } from "../../kernels/webgpu/sources.ts";
import type { Kernel } from "../device/kernel.ts";
import { differentiable } from "../tensor/autograd.ts";
import { expectType, launch } from "../tensor/launch.ts";
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

/**
 * eˣ / Σ eˣ over the last axis. x: f32 [...,width]; the result has its shape. Elements of −∞ give
 * 0, a row of nothing else gives zeros.
 *
 * TypeError when x has no axis or is not f32.
 *
 * ```ts
 * import { openDevice, softmax, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * console.log(await softmax(tensor([0, 0, -Infinity])).data()); // [0.5, 0.5, 0]
 * device.close();
 * ```
 */
export function softmax(x: Tensor): Tensor {
  return rowSoftmax("softmax", x, 0);
}

/**
 * ln softmax(x) = x − ln Σ eˣ over the last axis. x: f32 [...,width]; the result has its shape.
 * Elements of −∞ stay so.
 *
 * TypeError when x has no axis or is not f32.
 */
export function logSoftmax(x: Tensor): Tensor {
  return rowSoftmax("logSoftmax", x, 1);
}

function rowSoftmax(operation: string, x: Tensor, LOG: number): Tensor {
  expectType(operation, x, "f32");
  const { scalars, lanes } = cutRows(operation, x);
  const y = empty(x.shape, { device: x.device });
  launch(FORWARD, { x, y }, scalars, { LOG, ...lanes });
  return differentiable(y, [x], (dy) => {
    const dx = empty(x.shape, { device: x.device });
    launch(BACKWARD, { dy, y, dx }, scalars, { LOG, ...lanes });
    return [dx];
  });
}
