/**
 * y[o,j,i] = scale · x[o,i], with `INDEXED` only where j = index[o,i] and 0 elsewhere. x:
 * [outer,inner] f32, index: [outer,inner] i32, y: [outer,length,inner] f32. A chunk writes 16,384
 * neighboring elements of y.
 *
 * `COLUMNS` 0 stands for inner = 1.
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
    const count = k.integer("count");
    const y = k.pointer("y");
    const run = k.integer(k.constants.COLUMNS ? "inner" : "length");
    const emitRun = k.constants.COLUMNS ? columnsRun(k) : rowRun(k);
    const at = f.i32(k.chunk.mul(CHUNK));
    const next = f.i32(at.add(CHUNK));
    const end = f.i32(next.minU(count));
    f.while(at.ltU(end), () => {
      const row = f.i32(at.divU(run));
      const skipped = f.i32(at.sub(row.mul(run)));
      const left = f.i32(end.sub(at));
      const rest = f.i32(run.sub(skipped));
      const elements = f.i32(left.minU(rest));
      emitRun(row, skipped, elements, f.i32(y.add(at.shl(2))));
      f.set(at, at.add(elements));
    });
  },
};

/**
 * Writes `elements` of y at `to`, which start `skipped` elements into a run of neighboring ones.
 */
type Run = (row: I32, skipped: I32, elements: I32, to: I32) => void;

/** Row o of y holds one value. */
function rowRun(k: KernelBuilder): Run {
  const { f } = k;
  const [x, scale] = [k.pointer("x"), k.float("scale")];
  const index = k.constants.INDEXED ? k.pointer("index") : undefined;
  return (row, skipped, elements, to) => {
    const value = f.f32(x.add(row.shl(2)).loadF32().mul(scale));
    const everywhere = f.v128(index ? V128.of(0) : value.splat());
    forVectors(f, elements, (i) => f.storeV128(to.add(i), everywhere), (i) => {
      f.storeF32(to.add(i), everywhere.lane(0));
    });
    if (!index) return;
    const at = f.i32(index.add(row.shl(2)).loadI32().sub(skipped));
    f.if(at.ltU(elements), () => f.storeF32(to.add(at.shl(2)), value));
  };
}

/** Row (o,j) of y is row o of x. */
function columnsRun(k: KernelBuilder): Run {
  const { f } = k;
  const [x, length, inner] = [k.pointer("x"), k.integer("length"), k.integer("inner")];
  const scale = f.v128(k.float("scale").splat());
  const index = k.constants.INDEXED ? k.pointer("index") : undefined;
  return (row, skipped, elements, to) => {
    const outer = f.i32(row.divU(length));
    const j = f.v128(row.sub(outer.mul(length)).splat());
    const start = f.i32(outer.mul(inner).add(skipped).shl(2));
    const from = f.i32(x.add(start));
    const picks = index && f.i32(index.add(start));
    const value = (load: (p: I32) => V128) => {
      const scaled = load(from).mul(scale);
      return picks ? scaled.and(load(picks).eqI(j)) : scaled;
    };
    forVectors(f, elements, (i) => {
      f.storeV128(to.add(i), value((p) => p.add(i).loadV128()));
    }, (i) => {
      f.storeF32(to.add(i), value((p) => p.add(i).loadSplat()).lane(0));
    });
  };
}
