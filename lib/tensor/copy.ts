/**
 * Copies, and two that the planner may elide in a compiled function: `consume` and `store`.
 *
 * @module
 */
import { copy as cpu } from "../../kernels/cpu/copy.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { differentiable } from "./autograd.ts";
import { expectTensor, launch } from "./launch.ts";
import { empty, type Tensor } from "./tensor.ts";

const KERNEL: Kernel = {
  name: "copy",
  reads: { x: "u32" },
  writes: { y: "u32" },
  scalars: { count: "u32" },
  webgpu: { code: wgsl("copy"), threads: ({ count }) => count },
  cpu,
};

/** The same values in new memory. f32 or i32 of any shape. */
export function copy(x: Tensor): Tensor {
  expectTensor("copy", x);
  const y = empty(x.shape, { dtype: x.dtype, device: x.device });
  launch(KERNEL, { x, y }, { count: x.size });
  return differentiable(y, [x], (dy) => [dy]);
}

/**
 * A tensor with x's value that a kernel may overwrite. In a compiled function it is x's own memory
 * if nothing reads x afterwards, otherwise a copy.
 */
export function consume(x: Tensor): Tensor {
  if (!x.device.recorder) return copy(x);
  const y = empty(x.shape, { dtype: x.dtype, device: x.device });
  move(x, y);
  return y;
}

/**
 * Writes the value of `from` into `to`, which outlives the program. In a compiled function `from`
 * is computed directly there if that is safe, otherwise copied.
 *
 * @throws {TypeError} if sizes or dtypes differ
 */
export function store(from: Tensor, to: Tensor): void {
  if (from.size !== to.size || from.dtype !== to.dtype) {
    throw new TypeError(`store: ${from} does not fit into ${to}`);
  }
  if (to.device.recorder) move(from, to);
  else launch(KERNEL, { x: from, y: to }, { count: from.size });
}

function move(from: Tensor, to: Tensor): void {
  const copyLaunch = {
    kernel: KERNEL,
    constants: {},
    scalars: { count: from.size },
    buffers: [from.storage, to.storage],
  };
  from.device.recorder!.move(from.storage, to.storage, copyLaunch);
}
