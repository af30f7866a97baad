/**
 * y = (x − mean)·rstd·gain + bias over rows, rstd = 1/√(variance + ε): layer norm; with `CENTERED`
 * 0, mean is taken as 0: RMS norm. x, y: [rows,width], gain, bias: [width] f32; stats: [2,rows]
 * f32, each rstd and then each mean, or [1,rows] with `CENTERED` 0. `GAIN` 0: the gain is 1;
 * `BIAS` 0: no bias is added.
 *
 * The variance is the mean of (x − mean)², summed in f32 in a separate pass. A chunk computes
 * `group` rows.
 *
 * @module
 */
import { F32, type FunctionBuilder, type I32, type V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { foldRow, sumOf } from "./fold.ts";
import { forRows, mapVectors } from "./rows.ts";

const SUM = sumOf((_, running, x) => running.add(x));
const SQUARES = sumOf((f, running, x) => f.madd(x, x, running));

export const norm: CpuKernel = {
  chunks: ({ rows, group }) => Math.ceil(rows / group),
  emit(k) {
    const { f } = k;
    const { CENTERED, GAIN, BIAS } = k.constants;
    const { x, y, stats } = k.pointers("x", "y", "stats");
    const [width, epsilon] = [k.integer("width"), k.float("epsilon")];
    const mean = CENTERED ? f.i32(stats.at(k.integer("rows"))) : undefined;
    const gain = GAIN ? [k.pointer("gain")] : [];
    const bias = BIAS ? [k.pointer("bias")] : [];
    const share = reciprocal(f, width);
    forRows(k, (row) => {
      const offset = f.i32(row.mul(width).inBytes());
      const [from, to] = [f.i32(x.add(offset)), f.i32(y.add(offset))];
      const center = mean && f.f32(foldRow(f, width, [from], [SUM])[0].mul(share));
      const centers = center && f.v128(center.splat());
      const centered = (value: V128) => centers ? value.sub(centers) : value;
      const map = (value: V128) => [centered(value)];
      const [squares] = foldRow(f, width, [from], [SQUARES], { map });
      const scale = f.f32(F32.of(1).div(squares.mul(share).add(epsilon).sqrt()));
      const scales = f.v128(scale.splat());
      mapVectors(f, width, [from, ...gain, ...bias], to, (value, ...parameters) => {
        const normal = centered(value).mul(scales);
        const [one, other] = parameters;
        if (GAIN && BIAS) return f.madd(normal, one, other);
        if (GAIN) return normal.mul(one);
        return BIAS ? normal.add(one) : normal;
      });
      if (mean) f.storeF32(mean.at(row), center!);
      f.storeF32(stats.at(row), scale);
    });
  },
};

/** 1/n as a local. */
export function reciprocal(f: FunctionBuilder, n: I32): F32 {
  return f.f32(F32.of(1).div(n.toF32U()));
}
