/**
 * y[o,j,i] = scale · x[o,i], with `INDEXED` only if j = index[o,i], otherwise 0. x: [outer,inner]
 * f32, index: [outer,inner] i32, y: [outer,length,inner] f32. A chunk writes 16,384 neighboring
 * elements of y.
 *
 * `COLUMNS` 0: inner = 1.
 *
 * @module
 */
import { type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { forVectors } from "./rows.ts";

const CHUNK = 16384;

export const spread: CpuKernel = {
  chunks: ({ count }) => Math.ceil(count / CHUNK),
  emit(k) {
    const { f } = k;
    const y = k.pointer("y");
    const run = k.integer(k.constants.COLUMNS ? "inner" : "length");
    const emitRun = k.constants.COLUMNS ? columnsRun(k) : rowRun(k);
    const { start: at, end } = k.share(k.integer("count"), CHUNK);
    f.while(at.ltU(end), () => {
      const [row, skipped] = f.unravel(at, run);
      const elements = f.minU(end.sub(at), run.sub(skipped));
      emitRun(row, skipped, elements, f.i32(y.at(at)));
      f.set(at, at.add(elements));
    });
  },
};

/** Writes `elements` of y at `to`, the first of them `skipped` elements into a run of neighbors. */
type Run = (row: I32, skipped: I32, elements: I32, to: I32) => void;

/** Row o of y holds one value. */
function rowRun(k: KernelBuilder): Run {
  const { f } = k;
  const [x, scale] = [k.pointer("x"), k.float("scale")];
  const index = k.constants.INDEXED ? k.pointer("index") : undefined;
  return (row, skipped, elements, to) => {
    const value = f.f32(x.at(row).loadF32().mul(scale));
    const everywhere = f.v128(index ? V128.of(0) : value.splat());
    forVectors(f, elements, (i, { store }) => store(to.add(i), everywhere));
    if (!index) return;
    const at = f.i32(index.at(row).loadI32().sub(skipped));
    f.if(at.ltU(elements), () => f.storeF32(to.at(at), value));
  };
}

/** Row (o,j) of y is row o of x. */
function columnsRun(k: KernelBuilder): Run {
  const { f } = k;
  const x = k.pointer("x");
  const { length, inner } = k.integers("length", "inner");
  const scale = f.v128(k.float("scale").splat());
  const index = k.constants.INDEXED ? k.pointer("index") : undefined;
  return (row, skipped, elements, to) => {
    const [outer, j] = f.unravel(row, length);
    const js = f.v128(j.splat());
    const start = f.i32(outer.mul(inner).add(skipped).inBytes());
    const from = f.i32(x.add(start));
    const picks = index && f.i32(index.add(start));
    forVectors(f, elements, (i, { load, store }) => {
      const scaled = load(from.add(i)).mul(scale);
      store(to.add(i), picks ? scaled.and(load(picks.add(i)).eqI(js)) : scaled);
    });
  };
}
