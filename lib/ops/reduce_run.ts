/**
 * One reduction over the middle of three axes, in one stage or in two: how the work is cut on each
 * device.
 *
 * Two fixed stages (partial results of segments, then their total) where one would leave threads
 * idle; the cut depends on the shape and the kind of device, never on the number of threads. Axes
 * and derivatives are left to reduce.ts.
 *
 * @module
 */
import { reduce as cpu, REDUCTIONS } from "../../kernels/cpu/reduce.ts";
import { wgsl } from "../../kernels/webgpu/sources.ts";
import type { Constants, Kernel } from "../device/kernel.ts";
import { launch } from "../tensor/launch.ts";
import type { Run } from "./spread.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

const KERNEL: Kernel = {
  name: "reduce",
  reads: { x: "f32" },
  writes: { y: "f32" },
  scalars: {
    ...{ outputs: "u32", length: "u32", inner: "u32", parts: "u32", segment: "u32" },
    ...{ items: "u32", group: "u32", blocks: "u32", block: "u32" },
    scale: "f32",
  },
  webgpu: {
    code: wgsl("reduce"),
    workgroups: ({ outputs }, { LANES }) => Math.ceil(outputs * LANES / 256),
  },
  cpu,
};

/** What is computed of the elements. */
export type Reduction = "sum" | "sumOfSquares" | "max";

/**
 * y[o,i] = scale·reduction over j of x[o,j,i]. x: [outer,length,inner] in any shape, y:
 * [outer,inner]. No derivative.
 */
export function reduceRun(reduction: Reduction, x: Tensor, run: Run, scale = 1): Tensor {
  const { outer, length, inner } = run;
  const parts = (x.device.kind === "cpu" ? cpuParts : webGpuParts)(run);
  if (parts === 1) return reduceParts(reduction, x, run, length, scale);
  const segment = Math.ceil(length / parts / 4) * 4;
  const partial = reduceParts(reduction, x, run, segment, 1);
  const second = reduction === "sumOfSquares" ? "sum" : reduction;
  const left = { outer, length: Math.ceil(length / segment), inner };
  return reduceParts(second, partial, left, left.length, scale);
}

function reduceParts(
  reduction: Reduction,
  x: Tensor,
  { outer, length, inner }: Run,
  segment: number,
  scale: number,
): Tensor {
  const parts = Math.max(1, Math.ceil(length / segment));
  const y = empty([outer, parts, inner], { device: x.device });
  const OP = Object.keys(REDUCTIONS).indexOf(reduction);
  const COLUMNS = inner > 1 ? 1 : 0;
  const lanes = laneConstants(x, segment, inner);
  const cut = cpuCut(outer * parts, segment, inner);
  const scalars = { outputs: y.size, length, inner, parts, segment, ...cut, scale };
  launch(KERNEL, { x, y }, scalars, { OP, COLUMNS, ...lanes });
  return y;
}

/** Elements that a chunk of the CPU should read at least, and most chunks that are of use. */
const CHUNK = 16384, MOST_CHUNKS = 64;
/**
 * Columns of a chunk: enough to read memory in long stretches, few enough to stay in the nearest
 * cache while the rows go by.
 */
const FEWEST_COLUMNS = 256, MOST_COLUMNS = 2048;

function cpuChunks(elements: number): number {
  return Math.min(MOST_CHUNKS, Math.ceil(elements / CHUNK));
}

function cpuParts({ outer, length, inner }: Run): number {
  const items = outer * Math.ceil(inner / MOST_COLUMNS);
  if (items >= 8) return 1;
  // A long sum is cut into chunks whatever their number: each part is added in one thread's running
  // sums.
  const chunks = inner === 1
    ? Math.ceil(length / CHUNK)
    : cpuChunks(outer * length * inner) / items;
  return Math.max(1, Math.ceil(Math.min(length / 16, chunks)));
}

/** Blocks of columns, and how many (row, block) items make a chunk. */
function cpuCut(rows: number, segment: number, inner: number): Record<string, number> {
  const chunks = Math.max(1, cpuChunks(rows * segment * inner));
  const share = Math.ceil(inner * Math.min(1, rows / chunks) / 64) * 64;
  const block = Math.min(inner, MOST_COLUMNS, Math.max(FEWEST_COLUMNS, share));
  const blocks = Math.ceil(inner / block);
  const items = rows * blocks;
  return { items, group: Math.max(1, Math.ceil(items / chunks)), blocks, block };
}

/** The constant `LANES`, which only WebGPU's kernel has. */
export function laneConstants(x: Tensor, segment: number, inner: number): Constants {
  return x.device.kind === "webgpu" ? { LANES: webGpuLanes(segment, inner) } : {};
}

/**
 * Threads for an output: as many as have four elements each; for columns at most 8, so that 32
 * neighbors read together.
 */
function webGpuLanes(segment: number, inner: number): number {
  const most = inner === 1 ? 256 : Math.max(8, 256 / powerOfTwo(inner));
  return Math.min(most, powerOfTwo(Math.max(1, segment / 4)));
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(atLeast));
}

function webGpuParts(run: Run): number {
  const { outer, length, inner } = run;
  const lanes = webGpuLanes(length, inner);
  const workgroups = Math.ceil(outer * inner * lanes / 256);
  const rounds = length / lanes;
  if (workgroups >= 256 || rounds <= 64) return 1;
  return Math.ceil(Math.min(256 / workgroups, rounds / 16));
}
