/**
 * The kernels between which a GPU has a choice for matrix products.
 *
 * What a kind of adapter takes is in webgpu/adapter_class.ts, what was measured in
 * webgpu/tuning.ts, the kernels in lib/tensor.
 *
 * @module
 */

/**
 * Kernels that compute tiles: `registers`, 8 × 8 a thread, and `direct`, 8 × 16, read four numbers
 * at a time, where 4 divides the sizes; `tiled` and `large`, 64 × 64 and 128 × 128 a workgroup, go
 * through workgroup memory.
 */
export type TileKernel = "direct" | "registers" | "tiled" | "large";

/**
 * How the threads that share a column of few rows' product add up: through workgroup memory, or in
 * subgroups where the adapter has them.
 */
export type RowsKernel = "workgroup" | "subgroup";

/** All of the first. */
export const TILE_KERNELS: readonly TileKernel[] = ["direct", "registers", "tiled", "large"];

/** All of the second. */
export const ROWS_KERNELS: readonly RowsKernel[] = ["workgroup", "subgroup"];

/** What a device takes. */
export interface MatmulChoice {
  /** For results that tiles of 128 × 128 would give too few workgroups. */
  readonly small: TileKernel;
  /** For larger results. */
  readonly large: TileKernel;
  /** For up to four rows, where the weights lie along k. */
  readonly rows: RowsKernel;
}

/** Workgroups of 128 × 128 from which a result counts as large. */
const LARGE = 64;

/** Whether a result of batch · [m,n] is large. */
export function isLargeResult({ m, n }: { m: number; n: number }, batch = 1): boolean {
  return Math.ceil(m / 128) * Math.ceil(n / 128) * batch >= LARGE;
}
