/**
 * Batched GEMM by a system BLAS's `sgemm`: C[b] = epilogue(op(A[b])·op(B[b])), shapes as in
 * matmul.ts.
 *
 * A chunk computes a block of `rows` by `columns` of one C[b] with one call, then its epilogue.
 * Sums are in the library's order.
 *
 * @module
 */
import type { CpuKernel, Scalars } from "../../lib/device/kernel.ts";
import { BLOCK_SIZES, type MatmulTiling } from "./matmul_tiling.ts";
import { blockOf, blocks, finishRows } from "./matmul_block.ts";

/** C[m,n] = op(A)·op(B), with the bytes' addresses and the row lengths of A, B and C. */
export const SGEMM = {
  transposeA: "i32",
  transposeB: "i32",
  m: "i32",
  n: "i32",
  k: "i32",
  a: "i32",
  lda: "i32",
  b: "i32",
  ldb: "i32",
  c: "i32",
  ldc: "i32",
} as const;
/**
 * A block has at least about this many multiply-adds, a tenth of a millisecond, so that the cost of
 * the call is negligible.
 */
const WORK = 6e6;
/**
 * At most this many blocks, of at least this size: the library packs its operands again for each,
 * and is slower on small ones.
 */
const MAX_BLOCKS = 16;
const MIN_BLOCK = { rows: 192, columns: 256 };

/** The matmul by the library. */
export const matmulBlas: CpuKernel = {
  tiling: { sizes: BLOCK_SIZES, choose: tileBlas },
  chunks: blocks,
  emit(k) {
    const { f } = k;
    const sgemm = k.import("sgemm", SGEMM);
    const { TRANSPOSE_A, TRANSPOSE_B } = k.constants;
    const { m, n, k: inner } = k.integers("m", "n", "k");
    const block = blockOf(k);
    const finish = finishRows(k, block);
    const { a, b, c, height, width } = block;
    f.call(sgemm, {
      transposeA: TRANSPOSE_A,
      transposeB: TRANSPOSE_B,
      m: height,
      n: width,
      k: inner,
      a,
      lda: TRANSPOSE_A ? m : inner,
      b,
      ldb: TRANSPOSE_B ? inner : n,
      c,
      ldc: n,
    });
    finish?.(c, height);
  },
};

/**
 * Block sizes for a product. They depend on its sizes only, so that the bits are the same for any
 * number of threads.
 */
function tileBlas({ m, n, k }: Scalars): MatmulTiling {
  const count = Math.min(MAX_BLOCKS, Math.max(1, Math.round(m * n * k / WORK)));
  const down = Math.min(count, Math.ceil(m / MIN_BLOCK.rows));
  const across = Math.min(Math.ceil(count / down), Math.ceil(n / MIN_BLOCK.columns));
  const size = (length: number, parts: number) => Math.ceil(length / parts / 16) * 16;
  return { rows: size(m, down), columns: size(n, across), depth: k };
}
