/**
 * Rows of a table in 16, 8 or 4 bits, selected by ids: y[i] = w[ids[i]]. w: rows of blocks as in
 * half_linear.ts and quantized_linear.ts; ids: i32 [count], clamped into the table; y: [count,
 * width] f32. A chunk computes a share of the rows.
 *
 * @module
 */
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { rowScratchBytes, rowWriter } from "./rounded_row.ts";

export const quantizedEmbedding: CpuKernel = {
  chunks: ({ count, width }) => Math.max(1, Math.min(count, Math.ceil(count * width / 16384))),
  scratchBytes: (_, constants) => rowScratchBytes(constants),
  emit(k) {
    const { f } = k;
    const { rows, width, count } = k.integers("rows", "width", "count");
    const { ids, w, y } = k.pointers("ids", "w", "y");
    const { rowBytes, write } = rowWriter(k, width);
    k.forShare(count, (i) => {
      const id = f.clamp(ids.at(i).loadI32(), 0, rows.sub(1));
      write(w.add(id.mul(rowBytes)), y.at(i.mul(width)));
    });
  },
};
