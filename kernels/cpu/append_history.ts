/**
 * Appends the next token of each sequence b to its history: history[b, lengths[b]] ← next[b],
 * unless it is full, and lengths[b] += 1. next, lengths: i32 [rows]; history: i32 [rows, capacity].
 * One chunk.
 *
 * @module
 */
import type { CpuKernel } from "../../lib/device/kernel.ts";

export const appendHistory: CpuKernel = {
  chunks: () => 1,
  emit(k) {
    const { f } = k;
    const { next, history, lengths } = k.pointers("next", "history", "lengths");
    const { rows, capacity } = k.integers("rows", "capacity");
    f.for(0, rows, 1, (row) => {
      const length = f.i32(lengths.at(row));
      const taken = f.i32(length.loadI32());
      f.if(taken.ltU(capacity), () => {
        f.storeI32(history.at(row.mul(capacity).add(taken)), next.at(row).loadI32());
      });
      f.storeI32(length, taken.add(1));
    });
  },
};
