/**
 * Batched GEMM by a system BLAS's `sgemm`: C[b] = epilogue(op(A[b])·op(B[b])), shapes as in
 * matmul.ts.
 *
 * A chunk computes a block of `rows` by `columns` of one C[b] with one call, then its epilogue.
 * Sums are in the library's order.
 *
 * @module
 */
import type { Constants, CpuKernel, Scalars } from "../../lib/device/kernel.ts";
import { BLOCK_SIZES, fastest, type MatmulTiling } from "./matmul_tiling.ts";
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
 * Time, in multiply-adds, measured roughly: of packing a number, of a row of a block, whose start
 * is a cache miss, and of a block: the call, and what threads wait for the last one.
 */
const COST = { packed: 15, row: 5e3, block: 6e6 };

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

/** The library packs its operands again for each block, so blocks are few and long. */
function tileBlas({ m, n, k, batch }: Scalars, { TRANSPOSE_A }: Constants): MatmulTiling {
  const blocks = halves(m).flatMap((rows) =>
    halves(n).map((columns) => ({ rows, columns, depth: k }))
  );
  const time = ({ rows, columns }: MatmulTiling) => {
    const packed = COST.packed * (rows + columns) * k;
    return rows * columns * k + packed + COST.row * rows + COST.block;
  };
  return fastest({ m, n, batch }, blocks, { time, barrier: 0, isGradient: TRANSPOSE_A === 1 });
}

/** Whole, a half, a quarter, … of a length, in multiples of 16. */
function halves(length: number): number[] {
  const parts = [1, 2, 4, 8, 16];
  return [...new Set(parts.map((count) => 16 * Math.ceil(length / count / 16)))];
}
