/**
 * Index of the largest element along an axis (argmax).
 *
 * @module
 */
import { argmax as cpu } from "../../kernels/cpu/argmax.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { checkOptions } from "../options.ts";
import { normalizeAxis, size } from "../shape.ts";
import { expectType, launch } from "../tensor/launch.ts";
import { laneConstants } from "./reduce_run.ts";
import type { Run } from "./spread.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

const KERNEL: Kernel = {
  name: "argmax",
  reads: { x: "f32" },
  writes: { index: "i32" },
  scalars: { outer: "u32", length: "u32", inner: "u32", group: "u32" },
  webgpu: {
    code: wgsl("argmax"),
    workgroups: ({ outer, inner }, { LANES }) => Math.ceil(outer * inner * LANES / 256),
  },
  cpu,
};

/** Minimum of elements that a chunk on the CPU should read. */
const CHUNK = 16384;

/**
 * The first j with the largest x[o,j,i]. x: [outer,length,inner] f32 in any shape; the result:
 * [outer,inner] i32.
 */
export function argmaxRun(x: Tensor, { outer, length, inner }: Run): Tensor {
  const index = empty([outer, inner], { dtype: "i32", device: x.device });
  const group = Math.ceil(CHUNK / Math.max(1, length * inner));
  const constants = { COLUMNS: inner > 1 ? 1 : 0, ...laneConstants(x, length, inner) };
  launch(KERNEL, { x, index }, { outer, length, inner, group }, constants);
  return index;
}

/** Options of `argmax`. */
export interface ArgmaxOptions {
  /** The axis to search; a negative one counts from the last. Default: all elements as one row. */
  axis?: number;
  /** Whether the axis stays, with length 1. Default: false. */
  keepDimensions?: boolean;
}

/**
 * The position of the largest element along an axis, the first if several are equal. x: f32 of
 * any shape; the result is i32 and lacks the axis. With NaN among the elements the result is some
 * position. No gradient flows.
 *
 * ```ts
 * import { argmax, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * console.log(await argmax(tensor([[1, 5, 5], [4, 2, 3]]), { axis: -1 }).data()); // [1, 0]
 * device.close();
 * ```
 *
 * @throws {RangeError} if the axis does not exist or has length 0
 */
export function argmax(x: Tensor, options: ArgmaxOptions = {}): Tensor {
  expectType("argmax", x, "f32");
  checkOptions("argmax", options, { axis: true, keepDimensions: true });
  const { axis, keepDimensions = false } = options;
  if (axis === undefined) {
    const shape = keepDimensions ? x.shape.map(() => 1) : [];
    return argmaxRun(x, nonEmpty(x, { outer: 1, length: x.size, inner: 1 })).view(shape);
  }
  const at = normalizeAxis("argmax", axis, x.shape.length);
  const [before, after] = [x.shape.slice(0, at), x.shape.slice(at + 1)];
  const run = nonEmpty(x, { outer: size(before), length: x.shape[at], inner: size(after) });
  return argmaxRun(x, run).view([...before, ...(keepDimensions ? [1] : []), ...after]);
}

function nonEmpty(x: Tensor, run: Run): Run {
  if (run.length === 0) throw new RangeError(`argmax: expected at least one element, got ${x}`);
  return run;
}
