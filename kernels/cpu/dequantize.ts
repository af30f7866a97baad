/**
 * The weights of a matrix in 16, 8 or 4 bits as f32: y = W. w: rows of blocks as in half_linear.ts
 * and quantized_linear.ts; y: [rows, width]. A chunk computes a share of the rows.
 *
 * @module
 */
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { rowScratchBytes, rowWriter } from "./rounded_row.ts";

export const dequantize: CpuKernel = {
  chunks: ({ rows, width }) => Math.max(1, Math.min(rows, Math.ceil(rows * width / 65536))),
  scratchBytes: (_, constants) => rowScratchBytes(constants),
  emit(k) {
    const { rows, width } = k.integers("rows", "width");
    const { w, y } = k.pointers("w", "y");
    const { rowBytes, write } = rowWriter(k, width);
    k.forShare(rows, (row) => write(w.add(row.mul(rowBytes)), y.at(row.mul(width))));
  },
};
