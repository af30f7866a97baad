/**
 * y = softmax(x) over rows: e^(x−m) / Σ e^(x−m), m the row's largest element; with `LOG`, its
 * logarithm x − m − ln Σ e^(x−m). x, y: [rows,width] f32.
 *
 * Elements of −∞ count as absent; a row of nothing else becomes 0, or −∞ with `LOG`. Three passes
 * over a row in cache, sums in f32. A chunk computes `group` rows.
 *
 * @module
 */
import { F32, type I32 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { foldRow, LARGEST, sumOf } from "./fold.ts";
import { exp, log } from "./math.ts";
import { forRows, mapVectors } from "./rows.ts";

const SUM = sumOf((_, running, value) => running.add(value));

export const softmax: CpuKernel = {
  chunks: ({ rows, group }) => Math.ceil(rows / group),
  emit(k) {
    const { f } = k;
    const { x, y } = k.pointers("x", "y");
    const width = k.integer("width");
    forRows(k, (row) => {
      const offset = f.i32(row.mul(width).inBytes());
      const [from, to] = [f.i32(x.add(offset)), f.i32(y.add(offset))];
      const [largest] = foldRow(f, width, [from], [LARGEST]);
      const absent = largest.eq(-Infinity);
      const shift = f.f32(F32.select(absent, 0, largest));
      const shifts = f.v128(shift.splat());
      const sumExponentials = (output?: I32) =>
        foldRow(f, width, [from], [SUM], {
          map: (value) => [exp(f, value.sub(shifts))],
          output,
        })[0];
      if (k.constants.LOG) {
        const total = sumExponentials();
        const logarithm = log(f, total.splat()).lane(0);
        const rest = f.v128(F32.select(total.eq(0), 0, logarithm).splat());
        mapVectors(f, width, [from], to, (value) => value.sub(shifts).sub(rest));
      } else {
        const total = sumExponentials(to);
        const scale = f.v128(F32.select(total.eq(0), 0, F32.of(1).div(total)).splat());
        mapVectors(f, width, [to], to, (value) => value.mul(scale));
      }
    });
  },
};
