/**
 * How the CPU computes a matrix product: GEMV for a few rows, otherwise tiles by its own kernel or
 * by a system BLAS. The kernels choose the sizes of their blocks themselves.
 *
 * @module
 */
import type { GemmPlan, GemmRequest, TilesKernel } from "../gemm.ts";
import { rowsOfChunk, WIDE_STEP } from "../kernel_chunks.ts";

/** What a CPU device can use. */
export interface CpuAbilities {
  /** A system BLAS. */
  readonly hasBlas: boolean;
  /** Vectors of 256 bits. */
  readonly isWide: boolean;
}

/** The plan for a product. It must not depend on the number of threads. */
export function chooseCpuGemm(request: GemmRequest, abilities: CpuAbilities): GemmPlan {
  const { m, n, k, batch, transposeA, transposeB } = request;
  // Up to this many rows of A the GEMV kernel is fastest.
  const fewRows = transposeB ? 4 : 2;
  if (m > fewRows || batch > 1 || transposeA) {
    return { form: "tiles", kernel: tilesFor(request, abilities), rounds: false, splitK: 1 };
  }
  // B as [k,n] is read in its order in memory, so k is divided among the chunks.
  const splitK = transposeB ? 1 : Math.ceil(k / rowsOfChunk(k, n));
  return { form: "gemv", kernel: "scalar", slices: 1, splitK };
}

/** A k from here on is worth the start of a wide tile. */
const LEAST_DEPTH = 16;

function tilesFor({ k }: GemmRequest, { hasBlas, isWide }: CpuAbilities): TilesKernel {
  if (hasBlas) return "blas";
  return isWide && k >= LEAST_DEPTH && k % WIDE_STEP === 0 ? "wide" : "tiled";
}
