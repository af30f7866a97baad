/**
 * The adjoint of a reduction: each value is repeated along the axis of the reduction.
 *
 * See reduce.ts for the axes.
 *
 * @module
 */
import { spread as cpu } from "../../kernels/cpu/spread.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { launch } from "../tensor/launch.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

const KERNEL: Kernel = {
  name: "spread",
  reads: { x: "f32", index: "i32" },
  writes: { y: "f32" },
  scalars: { count: "u32", length: "u32", inner: "u32", scale: "f32" },
  webgpu: { code: wgsl("spread"), threads: ({ count }) => count },
  cpu,
};

/** The middle one of three axes [outer,length,inner], the one to reduce over. */
export interface Run {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

/**
 * y[o,j,i] = scale·x[o,i], or 0 if j ≠ index[o,i]. x: [outer,inner], y: [outer,length,inner]. No
 * derivative.
 */
export function spread(
  x: Tensor,
  { outer, length, inner }: Run,
  { index, scale = 1 }: { index?: Tensor; scale?: number } = {},
): Tensor {
  const y = empty([outer, length, inner], { device: x.device });
  const constants = { INDEXED: index ? 1 : 0, COLUMNS: inner > 1 ? 1 : 0 };
  launch(KERNEL, { x, index, y }, { count: y.size, length, inner, scale }, constants);
  return y;
}
