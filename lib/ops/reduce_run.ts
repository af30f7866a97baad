/**
 * One reduction over the middle of three axes, in one stage or in two.
 *
 * Two stages (partial results of segments, then their total) if one would leave threads idle; the
 * segments depend on the shape and the device's traits, never on the number of threads. See
 * reduce.ts for axes and derivatives.
 *
 * @module
 */
import { CHUNK, chunksOf, MAX_COLUMNS, reduce as cpu } from "../../kernels/cpu/reduce.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Constants, Kernel } from "../device/kernel.ts";
import { launch } from "../tensor/launch.ts";
import type { Run } from "./spread.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

const KERNEL: Kernel = {
  name: "reduce",
  reads: { x: "f32" },
  writes: { y: "f32" },
  scalars: {
    outputs: "u32",
    length: "u32",
    inner: "u32",
    parts: "u32",
    segment: "u32",
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
  const { workgroupThreads } = x.device.traits;
  const parts = workgroupThreads === 1
    ? segmentsOfChunks(run)
    : segmentsOfWorkgroups(run, workgroupThreads);
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
  const scalars = { outputs: y.size, length, inner, parts, segment, scale };
  launch(KERNEL, { x, y }, scalars, {
    MAX: reduction === "max" ? 1 : 0,
    SQUARES: reduction === "sumOfSquares" ? 1 : 0,
    COLUMNS: inner > 1 ? 1 : 0,
    ...laneConstants(x, segment, inner),
  });
  return y;
}

/** Segments for a device whose chunks have one thread. */
function segmentsOfChunks({ outer, length, inner }: Run): number {
  const items = outer * Math.ceil(inner / MAX_COLUMNS);
  if (items >= 8) return 1;
  // A long sum is divided into chunks whatever their number: each segment is added in one thread's
  // running sums.
  const chunks = inner === 1 ? Math.ceil(length / CHUNK) : chunksOf(outer * length * inner) / items;
  return Math.max(1, Math.ceil(Math.min(length / 16, chunks)));
}

/** Segments for a device whose workgroups have several threads. */
function segmentsOfWorkgroups({ outer, length, inner }: Run, threads: number): number {
  const lanes = lanesOf(threads, length, inner);
  const workgroups = Math.ceil(outer * inner * lanes / threads);
  const rounds = length / lanes;
  if (workgroups >= 256 || rounds <= 64) return 1;
  return Math.ceil(Math.min(256 / workgroups, rounds / 16));
}

/**
 * The constant `LANES`: how many threads share an output of x, each sum over `segment` elements.
 */
export function laneConstants(x: Tensor, segment: number, inner: number): Constants {
  return { LANES: lanesOf(x.device.traits.workgroupThreads, segment, inner) };
}

/**
 * Threads for an output: as many as have four elements each; for columns at most 8, so that 32
 * neighbors read together (coalesced).
 */
function lanesOf(threads: number, segment: number, inner: number): number {
  const limit = inner === 1 ? threads : Math.max(8, threads / powerOfTwo(inner));
  return Math.min(threads, limit, powerOfTwo(Math.max(1, segment / 4)));
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(atLeast));
}
