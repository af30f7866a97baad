/**
 * y[r,j] = x[r, indices[r,j]] and its adjoint. x, dx: [rows, width], 32-bit words; indices: i32
 * [rows, picks], clamped into the row; y, dy: [rows, picks].
 *
 * @module
 */
import type { I32 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { forRows } from "./rows.ts";

/** Elements of y in a chunk. */
const CHUNK = 8192;

export const gather: CpuKernel = {
  chunks: ({ rows, picks }) => Math.ceil(rows * picks / CHUNK),
  emit(k) {
    const { f } = k;
    const [x, indices, y] = ["x", "indices", "y"].map((name) => k.pointer(name));
    const [rows, width, picks] = ["rows", "width", "picks"].map((name) => k.integer(name));
    const last = f.i32(width.sub(1));
    const count = f.i32(rows.mul(picks));
    const start = f.i32(k.chunk.mul(CHUNK));
    const end = f.i32(start.add(CHUNK));
    f.set(end, end.minU(count));
    const row = f.i32(start.divU(picks));
    const column = f.i32(start.sub(row.mul(picks)));
    const from = f.i32(x.add(row.mul(width).shl(2)));
    f.for(start, end, 1, (i) => {
      const at = f.i32(i.shl(2));
      const index = clamped(k, indices.add(at), last);
      f.storeI32(y.add(at), from.add(index.shl(2)).loadI32());
      f.set(column, column.add(1));
      f.if(column.eq(picks), () => {
        f.set(column, 0);
        f.set(from, from.add(width.shl(2)));
      });
    });
  },
};

/** dx[r, indices[r,j]] += dy[r,j], in the order of j. A chunk owns `group` rows. */
export const gatherBackward: CpuKernel = {
  chunks: ({ rows, group }) => Math.ceil(rows / group),
  emit(k) {
    const { f } = k;
    const [dy, indices, dx] = ["dy", "indices", "dx"].map((name) => k.pointer(name));
    const [width, picks] = [k.integer("width"), k.integer("picks")];
    const last = f.i32(width.sub(1));
    forRows(k, (row) => {
      const start = f.i32(row.mul(picks));
      const end = f.i32(start.add(picks));
      const to = f.i32(dx.add(row.mul(width).shl(2)));
      f.for(start, end, 1, (i) => {
        const at = f.i32(i.shl(2));
        const place = f.i32(to.add(clamped(k, indices.add(at), last).shl(2)));
        f.storeF32(place, place.loadF32().add(dy.add(at).loadF32()));
      });
    });
  },
};

/** The index at an address, taken as the nearest one in 0 … last. */
function clamped({ f }: KernelBuilder, address: I32, last: I32): I32 {
  const index = f.i32(address.loadI32());
  f.set(index, index.maxS(0));
  f.set(index, index.minS(last));
  return index;
}
