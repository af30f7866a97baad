/**
 * Batched GEMM in tiles of 256-bit vectors (wide_tile.ts): C[b] = epilogue(op(A[b])·op(B[b])),
 * shapes as in matmul.ts; k is a multiple of 8.
 *
 * A chunk computes a block of `rows` by `columns` of one C[b]: it packs `depth` rows of 16 columns
 * of B at a time and multiplies all rows of its A with them. Sums are in f32, in the order of k, so
 * the results have the bits of matmul.ts.
 *
 * @module
 */
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { PANEL_GAP } from "./matmul.ts";
import { blockOf, blocks, finishRows } from "./matmul_block.ts";
import { defineTransposedRows } from "./matmul_pack.ts";
import { BLOCK_SIZES, tileMatmulWide } from "./matmul_tiling.ts";
import { importWide, WIDE_TILE, wideTile } from "./wide_tile.ts";

/** Bytes of a row in scratch memory; the gap maps rows to different sets of a cache. */
export const rowBytes = (length: number): number => 4 * length + PANEL_GAP;

/** The matmul in wide tiles. */
export const matmulWide: CpuKernel = {
  library: () => wideTile,
  tiling: { sizes: BLOCK_SIZES, choose: tileMatmulWide },
  chunks: blocks,
  scratchBytes: ({ rows, depth }, { TRANSPOSE_A }) => TRANSPOSE_A ? rows * rowBytes(depth) : 0,
  emit(k) {
    const { f, scratch } = k;
    const { TRANSPOSE_A, TRANSPOSE_B } = k.constants;
    const { m, n, k: inner, depth } = k.integers("m", "n", "k", "depth");
    const { tile, pack } = importWide(k);
    const packA = TRANSPOSE_A ? defineTransposedRows(k) : undefined;
    const block = blockOf(k);
    const finish = finishRows(k, block);
    const aStep = f.i32(TRANSPOSE_A ? depth.inBytes().add(PANEL_GAP) : inner.inBytes());
    const bStep = f.i32((TRANSPOSE_B ? inner : n).inBytes());
    const cStep = f.i32(n.inBytes());
    f.for(0, inner, depth, (k0) => {
      const here = f.minU(inner.sub(k0), depth);
      const add = f.i32(k0.ne(0));
      const firstA = f.i32(packA ? scratch : block.a.add(k0.inBytes()));
      if (packA) {
        const xStep = f.i32(m.inBytes());
        const rows = { rows: block.height, target: scratch, targetStep: aStep };
        f.call(packA, { x: block.a.add(k0.mul(xStep)), xStep, depth: here, ...rows });
      }
      const b = f.i32(block.b.add(TRANSPOSE_B ? k0.inBytes() : k0.mul(bStep)));
      const top = f.i32(block.c);
      f.for(0, block.width, WIDE_TILE.columns, (first) => {
        const columns = f.minU(block.width.sub(first), WIDE_TILE.columns);
        f.call(pack, { x: b, xStep: bStep, depth: here, columns });
        const [a, c] = [f.i32(firstA), f.i32(top)];
        f.for(0, block.height, WIDE_TILE.rows, (row) => {
          const rows = f.minU(block.height.sub(row), WIDE_TILE.rows);
          f.call(tile, { a, aStep, depth: here, c, cStep, rows, columns, add });
          f.set(a, a.add(aStep.mul(WIDE_TILE.rows)));
          f.set(c, c.add(cStep.mul(WIDE_TILE.rows)));
        });
        f.set(b, b.add(TRANSPOSE_B ? bStep.mul(WIDE_TILE.columns) : 4 * WIDE_TILE.columns));
        f.set(top, top.add(4 * WIDE_TILE.columns));
      });
    });
    finish?.(block.c, block.height);
  },
};
