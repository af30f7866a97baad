/**
 * index[o,i] = the first j at which x[o,j,i] is largest, 0 if an element is NaN. x:
 * [outer,length,inner] f32, index: [outer,inner] i32.
 *
 * `COLUMNS` 0: inner = 1. A chunk computes `group` outer positions.
 *
 * @module
 */
import { I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { foldRow, LARGEST } from "./fold.ts";
import { forVectors } from "./rows.ts";

export const argmax: CpuKernel = {
  chunks: ({ outer, group }) => Math.ceil(outer / group),
  emit(k) {
    const { start, end } = k.share(k.integer("outer"), k.integer("group"));
    k.f.for(start, end, 1, k.constants.COLUMNS ? columnsPosition(k) : rowPosition(k));
  },
};

/** Finds the largest element, then its first position: four at a time, then one at a time. */
function rowPosition(k: KernelBuilder): (o: I32) => void {
  const { f } = k;
  const { x, index } = k.pointers("x", "index");
  const length = k.integer("length");
  return (o) => {
    const row = f.i32(x.at(o.mul(length)));
    const [largest] = foldRow(f, length, [row], [LARGEST]);
    const wanted = f.v128(largest.splat());
    const at = f.i32(row);
    const end = f.i32(row.at(length));
    const lastFour = f.i32(end.sub(16));
    const found = f.i32(0);
    const search = (more: I32, isHere: I32, bytes: number) =>
      f.while(more.and(found.eqz()), () => {
        f.set(found, isHere);
        f.if(found.eqz(), () => f.set(at, at.add(bytes)));
      });
    search(at.leU(lastFour), at.loadV128().eq(wanted).anyTrue(), 16);
    f.set(found, 0);
    search(at.ltU(end), at.loadF32().eq(largest), 4);
    f.storeI32(index.at(o), I32.select(found, at.sub(row).shrU(2), 0));
  };
}

/** Goes down four columns at a time, then one at a time. */
function columnsPosition(k: KernelBuilder): (o: I32) => void {
  const { f } = k;
  const { x, index } = k.pointers("x", "index");
  const { length, inner } = k.integers("length", "inner");
  const stride = f.i32(inner.inBytes());
  const down = (top: I32, load: (p: I32) => V128): V128 => {
    const best = f.v128(load(top));
    const place = f.v128(V128.ofI(0));
    const at = f.i32(top);
    f.for(1, length, 1, (j) => {
      f.set(at, at.add(stride));
      const value = f.v128(load(at));
      const larger = f.v128(value.gt(best));
      f.set(best, larger.bitSelect(value, best));
      f.set(place, larger.bitSelect(j.splat(), place));
    });
    return place;
  };
  return (o) => {
    const top = f.i32(x.at(o.mul(length).mul(inner)));
    const to = f.i32(index.at(o.mul(inner)));
    forVectors(f, inner, (i, { load, store }) => {
      store(to.add(i), down(f.i32(top.add(i)), load));
    });
  };
}
