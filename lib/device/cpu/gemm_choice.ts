/**
 * How the CPU computes a matrix product: GEMV for a few rows, otherwise tiles by its own kernel or
 * by a system BLAS. The kernels choose the sizes of their blocks themselves.
 *
 * @module
 */
import type { GemmPlan, GemmRequest } from "../gemm.ts";
import { rowsOfChunk } from "../kernel_chunks.ts";

/** The plan for a product. It must not depend on the number of threads. */
export function chooseCpuGemm(request: GemmRequest, hasBlas: boolean): GemmPlan {
  const { m, n, k, batch, transposeA, transposeB } = request;
  // Up to this many rows of A the GEMV kernel is fastest.
  const fewRows = transposeB ? 4 : 2;
  if (m > fewRows || batch > 1 || transposeA) {
    return { form: "tiles", kernel: hasBlas ? "blas" : "tiled", rounds: false, splitK: 1 };
  }
  // B as [k,n] is read in its order in memory, so k is divided among the chunks.
  const splitK = transposeB ? 1 : Math.ceil(k / rowsOfChunk(k, n));
  return { form: "gemv", kernel: "scalar", slices: 1, splitK };
}
