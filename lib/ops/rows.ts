/**
 * Division of the work of kernels over rows: rows per chunk on the CPU, threads per row on WebGPU.
 *
 * @module
 */
import type { Constants, Scalars } from "../device/kernel.ts";
import { laneConstants } from "./reduce_run.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Minimum of elements in a chunk. */
const CHUNK = 8192;

/**
 * The scalars `rows`, `width` (x's last axis) and `group`, and the constant `LANES`.
 *
 * @throws {TypeError} if x has no axis
 */
export function cutRows(operation: string, x: Tensor): { scalars: Scalars; lanes: Constants } {
  const width = x.shape.at(-1);
  if (width === undefined) {
    throw new TypeError(`${operation}: expected at least one axis, got ${x}`);
  }
  const rows = width === 0 ? 0 : x.size / width;
  const group = Math.ceil(CHUNK / Math.max(1, width));
  return { scalars: { rows, width, group }, lanes: laneConstants(x, width, 1) };
}

/** Workgroups of a kernel that computes 256/LANES rows in each. */
export function rowWorkgroups({ rows }: Scalars, { LANES }: Constants): number {
  return Math.ceil(rows * LANES / 256);
}
