/**
 * dx = y·(dy − Σ dy·y) over rows, the derivative of softmax; with `LOG`, dx = dy − e^y·Σ dy, that
 * of its logarithm. dy, y, dx: [rows,width] f32.
 *
 * Two passes over a row in cache, sums in f32. A chunk computes `group` rows.
 *
 * @module
 */
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { foldRow, sumOf } from "./fold.ts";
import { exp } from "./math.ts";
import { forRows, mapVectors } from "./rows.ts";

const SUM = sumOf((_, running, dy) => running.add(dy));
const DOT = sumOf((f, running, dy, y) => f.madd(dy, y, running));

export const softmaxBackward: CpuKernel = {
  chunks: ({ rows, group }) => Math.ceil(rows / group),
  emit(k) {
    const { f } = k;
    const { dy, y, dx } = k.pointers("dy", "y", "dx");
    const width = k.integer("width");
    forRows(k, (row) => {
      const offset = f.i32(row.mul(width).inBytes());
      const [dyRow, yRow, dxRow] = [dy, y, dx].map((p) => f.i32(p.add(offset)));
      const [total] = k.constants.LOG
        ? foldRow(f, width, [dyRow], [SUM])
        : foldRow(f, width, [dyRow, yRow], [DOT]);
      const sums = f.v128(total.splat());
      mapVectors(
        f,
        width,
        [dyRow, yRow],
        dxRow,
        (gradient, value) =>
          k.constants.LOG ? f.nmadd(exp(f, value), sums, gradient) : value.mul(gradient.sub(sums)),
      );
    });
  },
};
