/**
 * C[b] = epilogue(op(A[b])·op(B[b])), as in matmul.ts, the product by a system BLAS's `sgemm`.
 *
 * A chunk computes a block of `rows` by `columns` of one C[b] with one call, then the epilogue
 * where it asks for one. Sums are in the library's order.
 *
 * @module
 */
import { I32 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { Cut } from "./matmul_cut.ts";
import { blockOf, blocks, finishRows } from "./matmul_block.ts";

/** Arguments of the imported `sgemm`. */
const ARGUMENTS = 11;
/**
 * A block takes at least about this many multiply-adds, a tenth of a millisecond, so that the call
 * costs nothing beside it.
 */
const WORK = 6e6;
/**
 * Most blocks, and their least size: the library packs its operands anew for each, and is slower on
 * small ones.
 */
const MOST_BLOCKS = 16;
const LEAST = { rows: 192, columns: 256 };

/** The product by the library. */
export const matmulBlas: CpuKernel = {
  chunks: blocks,
  emit(k) {
    const { f } = k;
    const sgemm = k.import("sgemm", Array(ARGUMENTS).fill("i32"));
    const { TRANSPOSE_A, TRANSPOSE_B } = k.constants;
    const [m, n, inner] = ["m", "n", "k"].map((name) => k.integer(name));
    const block = blockOf(k);
    const finish = finishRows(k, block);
    const { a, b, c, height, width } = block;
    const [lda, ldb] = [TRANSPOSE_A ? m : inner, TRANSPOSE_B ? inner : n];
    const transposes = [I32.of(TRANSPOSE_A), I32.of(TRANSPOSE_B)];
    f.call(sgemm, ...transposes, height, width, inner, a, lda, b, ldb, c, n);
    finish?.(c, height);
  },
};

/**
 * The blocks of a product. They depend on the sizes only, so that any number of threads gives the
 * same bits.
 */
export function cutBlas({ m, n, k }: Record<"m" | "n" | "k", number>): Cut {
  const count = Math.min(MOST_BLOCKS, Math.max(1, Math.round(m * n * k / WORK)));
  const down = Math.min(count, Math.ceil(m / LEAST.rows));
  const across = Math.min(Math.ceil(count / down), Math.ceil(n / LEAST.columns));
  const size = (length: number, parts: number) => Math.ceil(length / parts / 16) * 16;
  return { rows: size(m, down), columns: size(n, across), depth: k };
}
