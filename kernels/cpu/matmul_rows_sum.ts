/**
 * C = epilogue(Σ over parts of partial): the end of a product of few rows whose sums were cut along
 * k (matmul_rows.ts).
 *
 * partial: [parts,size] f32, size = ROWS·n; C: [ROWS,n]. A chunk sums 1,024 columns of a row, part
 * after part in f32.
 *
 * @module
 */
import type { I32 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { epilogue } from "./matmul_epilogue.ts";
import { forVectors } from "./rows.ts";

const CHUNK = 1024;

export const matmulRowsSum: CpuKernel = {
  chunks: ({ n }, { ROWS }) => ROWS * Math.ceil(n / CHUNK),
  emit(k) {
    const { f } = k;
    const [n, parts] = [k.integer("n"), k.integer("parts")];
    const finish = epilogue(k);
    const across = f.i32(n.add(CHUNK - 1).divU(CHUNK));
    const row = f.i32(k.chunk.divU(across));
    const first = f.i32(k.chunk.remU(across).mul(CHUNK));
    const width = f.i32(n.sub(first));
    f.set(width, width.minU(CHUNK));
    const start = f.i32(first.shl(2));
    const rowStart = f.i32(row.mul(n).shl(2));
    const step = f.i32(n.mul(4 * k.constants.ROWS));
    const partial = f.i32(k.pointer("partial").add(rowStart).add(start));
    const sum = f.v128();
    const each = (count: "four" | "one") => (i: I32) => {
      const from = f.i32(partial.add(i));
      const load = () => count === "four" ? from.loadV128() : from.loadSplat();
      f.set(sum, load());
      f.for(1, parts, 1, () => {
        f.set(from, from.add(step));
        f.set(sum, sum.add(load()));
      });
      const column = f.i32(start.add(i));
      finish(sum, column, f.i32(rowStart.add(column)), count);
    };
    forVectors(f, width, each("four"), each("one"));
  },
};
