/**
 * C[b] = epilogue(op(A[b])·op(B[b])). A: [m,k], or [k,m] with TRANSPOSE_A; B: [k,n], or [n,k] with TRANSPOSE_B; C: [batch,m,n]; all f32.
 *
 * A chunk computes some rows of one C[b]. Sums are in f32, in the order of k.
 *
 * @module
 */
import { type FunctionBuilder, type I32, V128 } from "../../lib/device/cpu/assembler.ts";
import type { CpuKernel, KernelBuilder } from "../../lib/device/kernel.ts";
import { epilogue } from "./matmul_epilogue.ts";

const ROWS = 8;

export const matmul: CpuKernel = {
  chunks: ({ batch, m }) => batch * Math.ceil(m / ROWS),
  emit(k) {
    const { f } = k;
    const { TRANSPOSE_A, TRANSPOSE_B } = k.constants;
    const [m, n, depth] = ["m", "n", "k"].map((name) => k.integer(name));
    const finish = epilogue(k);
    const blocks = f.i32(m.add(ROWS - 1).divU(ROWS));
    const batch = f.i32(k.chunk.divU(blocks));
    const start = f.i32(k.chunk.remU(blocks).mul(ROWS));
    const end = f.i32(start.add(ROWS));
    f.set(end, end.minU(m));
    const a = batchPointer(k, "a", "strideA", batch);
    const b = batchPointer(k, "b", "strideB", batch);
    const rowStep = f.i32((TRANSPOSE_A ? m : depth).shl(2));
    const columnStep = f.i32((TRANSPOSE_B ? depth : n).shl(2));
    f.for(start, end, 1, (row) => {
      const aRow = f.i32(a.add(TRANSPOSE_A ? row.shl(2) : row.mul(rowStep)));
      f.for(0, n, 4, (column) => {
        const sum = f.v128(V128.of(0));
        const left = f.i32(n.sub(column));
        const pa = f.i32(aRow);
        const pb = f.i32(b.add(TRANSPOSE_B ? column.mul(columnStep) : column.shl(2)));
        f.for(0, depth, 1, () => {
          const value = f.v128();
          loadFour(f, value, pb, left, TRANSPOSE_B ? columnStep : undefined);
          f.set(sum, f.madd(pa.loadSplat(), value, sum));
          f.set(pa, pa.add(TRANSPOSE_A ? rowStep : 4));
          f.set(pb, pb.add(TRANSPOSE_B ? 4 : columnStep));
        });
        const offset = f.i32(batch.mul(m).add(row).mul(n).add(column).shl(2));
        f.if(left.ltS(4), () => {
          f.for(0, left, 1, (lane) => {
            const at = f.i32(lane.shl(2));
            finish(sum, f.i32(column.shl(2).add(at)), f.i32(offset.add(at)), "one");
            f.set(sum, sum.shuffle(sum, 1, 2, 3, 0));
          });
        }, () => finish(sum, f.i32(column.shl(2)), offset, "four"));
      });
    });
  },
};

function batchPointer(k: KernelBuilder, name: string, stride: string, batch: I32): I32 {
  return k.f.i32(k.pointer(name).add(batch.mul(k.integer(stride)).shl(2)));
}

/** Up to four floats from `p`, next to each other or `step` bytes apart. */
function loadFour(f: FunctionBuilder, value: V128, p: I32, left: I32, step?: I32): void {
  const at = (lane: number) => step ? p.add(step.mul(lane)) : p.add(4 * lane);
  const lanes = (count: number) => {
    f.set(value, V128.of(0));
    for (let lane = 0; lane < count; lane++) f.set(value, value.withLane(lane, at(lane).loadF32()));
  };
  const rest = (count: number): void =>
    f.if(left.eq(count), () => lanes(count), () => count < 3 ? rest(count + 1) : undefined);
  f.if(left.ltS(4), () => rest(1), () => step ? lanes(4) : f.set(value, p.loadV128()));
}
