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
    const { x, y } = k.pointers("x", "y");
    const { rows, width, picks } = k.integers("rows", "width", "picks");
    const { start, end } = k.share(f.i32(rows.mul(picks)), CHUNK);
    const [row, column] = f.unravel(start, picks);
    const from = f.i32(x.at(row.mul(width)));
    f.for(start, end, 1, (i) => {
      f.storeI32(y.at(i), from.at(clampedIndex(k, i)).loadI32());
      f.set(column, column.add(1));
      f.if(column.eq(picks), () => {
        f.set(column, 0);
        f.set(from, from.at(width));
      });
    });
  },
};

/** dx[r, indices[r,j]] += dy[r,j], f32, in the order of j. A chunk owns `group` rows. */
export const gatherBackward: CpuKernel = {
  chunks: ({ rows, group }) => Math.ceil(rows / group),
  emit(k) {
    const { f } = k;
    const { dy, dx } = k.pointers("dy", "dx");
    const { width, picks } = k.integers("width", "picks");
    forRows(k, (row) => {
      const start = f.i32(row.mul(picks));
      const to = f.i32(dx.at(row.mul(width)));
      f.for(start, start.add(picks), 1, (i) => {
        const place = f.i32(to.at(clampedIndex(k, i)));
        f.storeF32(place, place.loadF32().add(dy.at(i).loadF32()));
      });
    });
  },
};

/** Element i of `indices`, clamped into the row. */
function clampedIndex(k: KernelBuilder, i: I32): I32 {
  const last = k.f.constant(k.integer("width").sub(1));
  return k.f.clamp(k.pointer("indices").at(i).loadI32(), 0, last);
}
