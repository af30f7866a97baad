/**
 * Matrix products (GEMM) in the contract of a device: the request, and the plan by which the device
 * computes it.
 *
 * The devices choose in cpu/gemm_choice.ts and webgpu/gemm_choice.ts; lib/ops/gemm.ts launches,
 * with the kernels in lib/ops/matmul_kernels.ts.
 *
 * @module
 */

/** Sizes of a product: [m,k]·[k,n]. */
export interface GemmSizes {
  /** Rows of the result. */
  readonly m: number;
  /** Columns of the result. */
  readonly n: number;
  /** Terms in each sum. */
  readonly k: number;
}

/** A batch of products op(A)·op(B). */
export interface GemmRequest extends GemmSizes {
  /** Products in the batch. */
  readonly batch: number;
  /** A is [k,m]. */
  readonly transposeA: boolean;
  /** B is [n,k]. */
  readonly transposeB: boolean;
  /** Whether there is an epilogue, such as a bias, activation or residual. */
  readonly hasEpilogue: boolean;
  /** Whether the operands may be rounded to half precision. */
  readonly mayRound: boolean;
}

/** A kernel that computes the result in tiles. */
export type TilesKernel = TileKernel | "tiled_half" | "large_half" | "wide" | "blas";

/**
 * Tiles on a GPU: `registers`, 8 × 8 per thread, and `direct`, 8 × 16, use vectorized (vec4) loads,
 * if 4 divides the sizes; `tiled` and `large`, 64 × 64 and 128 × 128 per workgroup, use workgroup
 * memory.
 */
export type TileKernel = "direct" | "registers" | "tiled" | "large";

/**
 * How the threads that share columns of a product of few rows (GEMV) with vectorized (vec4) loads
 * add up: through workgroup memory, or in subgroups first.
 */
export type GemvKernel = "workgroup" | "subgroup";

/**
 * A kernel for few rows (GEMV): `scalar` reads one number at a time, for any sizes; the others use
 * vectorized (vec4) loads.
 */
export type RowsKernel = "scalar" | GemvKernel;

/** A product in tiles. */
export interface TilesPlan {
  readonly form: "tiles";
  readonly kernel: TilesKernel;
  /** Whether the kernel rounds its operands to half precision. */
  readonly rounds: boolean;
  /**
   * Split-K: parts of k that are multiplied separately and summed afterwards; 1 if k is not
   * divided.
   */
  readonly splitK: number;
}

/** A product of a few rows of A, whose kernel reads B once. */
export interface GemvPlan {
  readonly form: "gemv";
  readonly kernel: RowsKernel;
  /** Threads that share a column in `scalar`. */
  readonly slices: number;
  /**
   * Split-K: parts of k that are multiplied separately and summed afterwards; 1 if k is not
   * divided.
   */
  readonly splitK: number;
}

/** How a device computes a product. */
export type GemmPlan = TilesPlan | GemvPlan;
