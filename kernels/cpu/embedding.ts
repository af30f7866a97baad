/**
 * Embedding: rows of a table picked by ids, with a row of positions added, and the scatter of their
 * gradient back into the table.
 *
 * table: [rows, width]; ids: i32 [count], clamped into the table; positions: [time…, width];
 * offset: i32 [1], or one for each sequence of `time` rows where `OFFSET` is 2. In the scatter a
 * chunk owns 16 columns of the whole table and walks the ids in order, so that sums have one order
 * and no two chunks meet.
 *
 * @module
 */
import { type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { forVectors, mapVectors } from "./rows.ts";

/** Columns of a scatter's chunk. */
const COLUMNS = 16;

/**
 * y[i] = table[ids[i]] + positions[offset + i mod time]. y: [count, width]. A chunk computes a
 * share of the rows.
 */
export const embedding: CpuKernel = {
  chunks: ({ count, width }) => Math.max(1, Math.min(count, Math.ceil(count * width / 16384))),
  emit(k) {
    const { f } = k;
    const [table, ids, y] = ["table", "ids", "y"].map((name) => k.pointer(name));
    const [rows, width, count, time] = ["rows", "width", "count", "time"]
      .map((name) => k.integer(name));
    const positions = k.pointer("positions");
    const offsets = k.pointer("offset");
    const first = f.i32(k.constants.OFFSET ? offsets.loadI32() : 0);
    const chunks = k.chunks;
    f.for(k.chunk, count, chunks, (i) => {
      const id = clampedId(k, ids, i, rows);
      const from = f.i32(table.add(id.mul(width).shl(2)));
      const to = f.i32(y.add(i.mul(width).shl(2)));
      if (!k.constants.POSITIONS) {
        mapVectors(f, width, [from], to, (v) => v);
        return;
      }
      if (k.constants.OFFSET === 2) f.set(first, offsets.add(i.divU(time).shl(2)).loadI32());
      const place = f.i32(positions.add(i.remU(time).add(first).mul(width).shl(2)));
      mapVectors(f, width, [from, place], to, (v, p) => v.add(p));
    });
  },
};

/** table[ids[i]] += dy[i], in the order of i; with `ZERO` the table is set to 0 before. */
export const embeddingBackward: CpuKernel = {
  chunks: ({ width }) => Math.ceil(width / COLUMNS),
  emit(k) {
    const { f } = k;
    const [dy, ids, table] = ["dy", "ids", "table"].map((name) => k.pointer(name));
    const [rows, width, count] = ["rows", "width", "count"].map((name) => k.integer(name));
    const start = f.i32(k.chunk.mul(COLUMNS));
    const left = f.i32(width.sub(start));
    const columns = f.i32(left.minU(COLUMNS));
    const rowBytes = f.i32(width.shl(2));
    const base = f.i32(table.add(start.shl(2)));
    if (k.constants.ZERO) {
      const row = f.i32(base);
      f.for(0, rows, 1, () => {
        const zero = V128.of(0);
        forVectors(f, columns, (i) => f.storeV128(row.add(i), zero), (i) => {
          f.storeF32(row.add(i), 0);
        });
        f.set(row, row.add(rowBytes));
      });
    }
    const from = f.i32(dy.add(start.shl(2)));
    f.for(0, count, 1, (i) => {
      const to = f.i32(base.add(clampedId(k, ids, i, rows).mul(rowBytes)));
      mapVectors(f, columns, [from, to], to, (g, sum) => sum.add(g));
      f.set(from, from.add(rowBytes));
    });
  },
};

/**
 * positions[offset + t] += Σ over the batch of dy[b, t]; places beyond the sequence are set to 0. A
 * chunk owns a share of the places.
 */
export const positionsBackward: CpuKernel = {
  chunks: ({ places, width }) => Math.max(1, Math.min(places, Math.ceil(places * width / 2048))),
  emit(k) {
    const { f } = k;
    const [dy, table] = ["dy", "table"].map((name) => k.pointer(name));
    const [places, time, count, width] = ["places", "time", "count", "width"]
      .map((name) => k.integer(name));
    const chunks = k.chunks;
    const rowBytes = f.i32(width.shl(2));
    f.for(k.chunk, places, chunks, (place) => {
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

function clampedId(k: KernelBuilder, ids: I32, i: I32, rows: I32): I32 {
  const id = k.f.i32(ids.add(i.shl(2)).loadI32());
  k.f.set(id, id.maxS(0));
  const last = k.f.i32(rows.sub(1));
  k.f.set(id, id.minS(last));
  return id;
}
