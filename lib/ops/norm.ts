/**
 * The kernels behind layer norm and RMS norm, forward and backward.
 *
 * @module
 */
import { norm as cpu } from "../../kernels/cpu/norm.ts";
import { normBackward as cpuBackward } from "../../kernels/cpu/norm_backward.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { describe } from "../errors.ts";
import { formatShape } from "../shape.ts";
import { differentiable } from "../tensor/autograd.ts";
import { deviceOf, expectType, launch } from "../tensor/launch.ts";
import { laneConstants, reduceRun } from "./reduce_run.ts";
import { cutRows, rowWorkgroups } from "./rows.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

/** Reads of a row on WebGPU: one float at a time, or four with vectorized (vec4) loads. */
interface Operand {
  readonly element: "f32" | "vec4f";
  readonly source: "operand_scalar" | "operand_vec4";
}

const forward = (name: string, { element, source }: Operand): Kernel => ({
  name,
  reads: { x: element, gain: element, bias: element },
  writes: { y: element, stats: "f32" },
  scalars: { rows: "u32", width: "u32", group: "u32", epsilon: "f32" },
  webgpu: { code: wgsl("norm", source), workgroups: rowWorkgroups },
  cpu,
});

const backward = (name: string, { element, source }: Operand): Kernel => ({
  name,
  reads: { dy: element, x: element, gain: element, stats: "f32", gathered: element },
  writes: { dx: element, dgain: element, dbias: element },
  scalars: { rows: "u32", width: "u32", group: "u32" },
  webgpu: {
    code: wgsl("norm_backward", source),
    workgroups: ({ rows, group }) => Math.ceil(rows / group),
  },
  cpu: cpuBackward,
});

const ONE: Operand = { element: "f32", source: "operand_scalar" };
const FOUR: Operand = { element: "vec4f", source: "operand_vec4" };

/** The kernels that read one float at a time, and on WebGPU those that read four. */
const SCALAR = { forward: forward("norm", ONE), backward: backward("norm_backward", ONE) };
const VEC4 = {
  forward: forward("norm_vec4", FOUR),
  backward: backward("norm_backward_vec4", FOUR),
};

/** Parameters that distinguish the norms. */
export interface NormOptions {
  /** Whether the row's mean is subtracted first. */
  readonly centered: boolean;
  readonly gain?: Tensor;
  readonly bias?: Tensor;
  readonly epsilon: number;
}

/** The norm of each row with its derivative; see the functions that call it. */
export function norm(operation: string, x: Tensor, options: NormOptions): Tensor {
  const { centered, gain, bias, epsilon } = options;
  expectType(operation, x, "f32");
  if (!Number.isFinite(epsilon)) {
    throw new TypeError(`${operation}: expected a number epsilon, got ${describe(epsilon)}`);
  }
  const { scalars, lanes } = cutRows(operation, x);
  const { rows, width } = scalars;
  const isVec4 = x.device.traits.vec4Loads && width % 4 === 0;
  const { forward, backward } = isVec4 ? VEC4 : SCALAR;
  const reads = isVec4 ? width / 4 : width;
  for (const [name, tensor] of Object.entries({ gain, bias })) {
    if (!tensor) continue;
    expectType(`${operation}: ${name}`, tensor, "f32");
    if (tensor.shape.length !== 1 || tensor.size !== width) {
      const got = formatShape(tensor.shape);
      throw new TypeError(`${operation}: expected a ${name} of [${width}] for ${x}, got ${got}`);
    }
  }
  const y = empty(x.shape, { device: deviceOf(operation, [x, gain, bias]) });
  // Each row's rstd, then each row's mean: one buffer, because the derivative binds 8 in all.
  const stats = empty([centered ? 2 : 1, rows], { device: x.device });
  const constants = { CENTERED: centered ? 1 : 0, GAIN: gain ? 1 : 0, BIAS: bias ? 1 : 0 };
  const buffers = { x, gain, bias, y, stats };
  // In the forward pass a thread does four reads; in the backward pass a row has as many threads as
  // let a workgroup compute all its rows together.
  const lanesForward = laneConstants(x, reads, 1);
  launch(forward, buffers, { ...scalars, epsilon }, { ...constants, ...lanesForward });
  return differentiable(y, [x, gain, bias], (dy, [gathered]) => {
    const { group, parts, columns } = cutBackward(x, rows, reads);
    const dx = empty(x.shape, { device: x.device });
    const dgain = gain && empty([parts, width], { device: x.device });
    const dbias = bias && empty([parts, width], { device: x.device });
    const buffers = { dy, x, gain, stats, gathered, dx, dgain, dbias };
    const ADD = gathered ? 1 : 0;
    launch(backward, buffers, { rows, width, group }, { ...constants, ADD, ...lanes, ...columns });
    const run = { outer: 1, length: parts, inner: width };
    const total = (partial: Tensor) => reduceRun("sum", partial, run).view([width]);
    return [dx, dgain && total(dgain), dbias && total(dbias)];
  }, { sums: [0] });
}

/**
 * Division of rows of `reads` reads: the rows of a chunk or workgroup, and the number of partial
 * sums of the parameters' gradients.
 */
function cutBackward(
  x: Tensor,
  rows: number,
  reads: number,
): { group: number; parts: number; columns: Record<string, number> } {
  const { workgroupThreads } = x.device.traits;
  if (workgroupThreads === 1) {
    const group = Math.ceil(Math.max(8192 / reads, rows / 64));
    return { group, parts: Math.ceil(rows / group), columns: {} };
  }
  const group = Math.max(8, Math.ceil(rows / 256));
  const COLUMNS = Math.min(workgroupThreads, 2 ** Math.ceil(Math.log2(reads)));
  const PARTS = Math.min(workgroupThreads / COLUMNS, group >> 2);
  return { group, parts: Math.ceil(rows / group) * PARTS, columns: { COLUMNS, PARTS } };
}
