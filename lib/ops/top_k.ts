/**
 * The k largest elements of each row, and their indices.
 *
 * @module
 */
import { topK as cpu } from "../../kernels/cpu/top_k.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { describe } from "../errors.ts";
import { checkOptions } from "../options.ts";
import { normalizeAxis, size } from "../shape.ts";
import { expectType, launch } from "../tensor/launch.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

const KERNEL: Kernel = {
  name: "top_k",
  reads: { x: "u32" },
  writes: { values: "u32", indices: "u32" },
  scalars: { rows: "u32", width: "u32", k: "u32" },
  webgpu: { code: wgsl("top_k"), workgroups: ({ rows }) => rows },
  cpu,
};

/** The largest elements of rows. */
export interface TopK {
  /** f32 [..., k], largest first. */
  readonly values: Tensor;
  /** i32 [..., k]: their indices in the row. */
  readonly indices: Tensor;
}

/** Options of `topK`. */
export interface TopKOptions {
  /** The axis to search, which must be the last one, −1. Default −1. */
  axis?: number;
}

/**
 * The k largest of each row of x, f32 [..., V], largest first and of equal ones the earlier first.
 * With NaN in a row its result is some of its elements. No gradient flows. On WebGPU a row is read
 * k times.
 *
 * ```ts
 * import { openDevice, tensor, topK } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const { values, indices } = topK(tensor([[1, 5, 3, 5]]), 3);
 * console.log(await values.data(), await indices.data()); // [5, 5, 3] [1, 3, 2]
 * device.close();
 * ```
 *
 * @throws {RangeError} unless 1 ≤ k ≤ V and the axis is the last
 */
export function topK(x: Tensor, k: number, options: TopKOptions = {}): TopK {
  expectType("topK", x, "f32");
  checkOptions("topK", options, { axis: true });
  const { axis = -1 } = options;
  if (normalizeAxis("topK", axis, x.shape.length) !== x.shape.length - 1) {
    throw new RangeError(`topK: expected the last axis of ${x}, got ${axis}; transpose it first`);
  }
  const width = x.shape.at(-1) ?? 0;
  if (!Number.isInteger(k) || k < 1 || k > width) {
    throw new RangeError(`topK: k must be from 1 to the row's length, got ${describe(k)} for ${x}`);
  }
  const leading = x.shape.slice(0, -1);
  const values = empty([...leading, k], { device: x.device });
  const indices = empty([...leading, k], { dtype: "i32", device: x.device });
  launch(KERNEL, { x, values, indices }, { rows: size(leading), width, k });
  return { values, indices };
}
