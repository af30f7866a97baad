/**
 * Embedding: rows of a table selected by ids, with a row of positions added, and the scatter of
 * their gradient back into the table.
 *
 * table: [rows, width] f32; ids: i32 [count], clamped into the table; positions: [time…, width]
 * f32; offset: i32 [1], or one for each sequence of `time` rows if `OFFSET` is 2. In the scatter a
 * chunk owns 16 columns of the whole table and reads the ids in order, so that sums have one order
 * and no two chunks write to the same place.
 *
 * @module
 */
import { type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { mapVectors } from "./rows.ts";

/** Columns of a scatter's chunk. */
const COLUMNS = 16;

/**
 * y[i] = table[ids[i]] + positions[offset + i mod time]. y: [count, width] f32. A chunk computes
 * a share of the rows.
 */
export const embedding: CpuKernel = {
  chunks: ({ count, width }) => Math.max(1, Math.min(count, Math.ceil(count * width / 16384))),
  emit(k) {
    const { f } = k;
    const { OFFSET, POSITIONS } = k.constants;
    const { table, y, positions, offset } = k.pointers("table", "y", "positions", "offset");
    const { width, count, time } = k.integers("width", "count", "time");
    k.forShare(count, (i) => {
      const from = f.i32(table.at(clampedId(k, i).mul(width)));
      const to = f.i32(y.at(i.mul(width)));
      if (!POSITIONS) {
        mapVectors(f, width, [from], to, (v) => v);
        return;
      }
      const [sequence, t] = f.unravel(i, time);
      if (OFFSET) f.set(t, t.add(offset.at(OFFSET === 2 ? sequence : 0).loadI32()));
      const position = f.i32(positions.at(t.mul(width)));
      mapVectors(f, width, [from, position], to, (v, p) => v.add(p));
    });
  },
};

/** table[ids[i]] += dy[i], in the order of i; with `ZERO` the table is set to 0 before. */
export const embeddingBackward: CpuKernel = {
  chunks: ({ width }) => Math.ceil(width / COLUMNS),
  emit(k) {
    const { f } = k;
    const { dy, table } = k.pointers("dy", "table");
    const { rows, width, count } = k.integers("rows", "width", "count");
    const columns = k.share(width, COLUMNS);
    const rowBytes = f.i32(width.inBytes());
    const base = f.i32(table.at(columns.start));
    if (k.constants.ZERO) {
      const row = f.i32(base);
      f.for(0, rows, 1, () => {
        mapVectors(f, columns.count, [], row, () => V128.of(0));
        f.set(row, row.add(rowBytes));
      });
    }
    const from = f.i32(dy.at(columns.start));
    f.for(0, count, 1, (i) => {
      const to = f.i32(base.add(clampedId(k, i).mul(rowBytes)));
      mapVectors(f, columns.count, [from, to], to, (g, sum) => sum.add(g));
      f.set(from, from.add(rowBytes));
    });
  },
};

/**
 * positions[offset + t] += Σ over the batch of dy[b, t]; positions beyond the sequence are set to
 * 0. A chunk owns a share of the positions.
 */
export const positionsBackward: CpuKernel = {
  chunks: ({ places, width }) => Math.max(1, Math.min(places, Math.ceil(places * width / 2048))),
  emit(k) {
    const { f } = k;
    const { dy, table } = k.pointers("dy", "table");
    const { places, time, count, width } = k.integers("places", "time", "count", "width");
    const rowBytes = f.i32(width.inBytes());
    k.forShare(places, (place) => {
      const to = f.i32(table.add(place.mul(rowBytes)));
      mapVectors(f, width, [], to, () => V128.of(0));
      f.if(place.ltU(time), () => {
        f.for(place, count, time, (row) => {
          const from = f.i32(dy.add(row.mul(rowBytes)));
          mapVectors(f, width, [from, to], to, (g, sum) => sum.add(g));
        });
      });
    });
  },
};

/** ids[i], clamped into the table. */
function clampedId(k: KernelBuilder, i: I32): I32 {
  const { f } = k;
  return f.clamp(k.pointer("ids").at(i).loadI32(), 0, k.integer("rows").sub(1));
}
