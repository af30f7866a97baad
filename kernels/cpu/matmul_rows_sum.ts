/**
 * C = epilogue(Σ over parts of partial): the end of a split-K matmul of few rows (matmul_rows.ts).
 *
 * partial: [parts,size] f32, size = ROWS·n; C: [ROWS,n]. A chunk sums 1,024 columns of a row,
 * sequentially over the parts, in f32.
 *
 * @module
 */
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { epilogue } from "./matmul_epilogue.ts";
import { forVectors } from "./rows.ts";

const CHUNK = 1024;

export const matmulRowsSum: CpuKernel = {
  chunks: ({ n }, { ROWS }) => ROWS * Math.ceil(n / CHUNK),
  emit(k) {
    const { f } = k;
    const { n, parts } = k.integers("n", "parts");
    const finish = epilogue(k);
    const [row, block] = f.unravel(k.chunk, n.add(CHUNK - 1).divU(CHUNK));
    const first = f.i32(block.mul(CHUNK));
    const width = f.minU(n.sub(first), CHUNK);
    const start = f.i32(first.inBytes());
    const rowStart = f.i32(row.mul(n).inBytes());
    const step = f.i32(n.mul(4 * k.constants.ROWS));
    const partial = f.i32(k.pointer("partial").add(rowStart).add(start));
    const sum = f.v128();
    forVectors(f, width, (i, { load, count }) => {
      const from = f.i32(partial.add(i));
      f.set(sum, load(from));
      f.for(1, parts, 1, () => {
        f.set(from, from.add(step));
        f.set(sum, sum.add(load(from)));
      });
      const column = f.i32(start.add(i));
      finish(sum, column, f.i32(rowStart.add(column)), count);
    });
  },
};
