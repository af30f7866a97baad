/**
 * index[o,i] = the first j at which x[o,j,i] is largest. x: [outer,length,inner] f32, index:
 * [outer,inner] i32; 0 where NaN is met.
 *
 * `COLUMNS` 0 stands for inner = 1. A chunk computes `group` outer positions.
 *
 * @module
 */
import { I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { foldRow, LARGEST } from "./fold.ts";

export const argmax: CpuKernel = {
  chunks: ({ outer, group }) => Math.ceil(outer / group),
  emit(k) {
    const { f } = k;
    const [outer, group] = [k.integer("outer"), k.integer("group")];
    const position = k.constants.COLUMNS ? columnsPosition(k) : rowPosition(k);
    const first = f.i32(k.chunk.mul(group));
    const end = f.i32(first.add(group));
    f.for(first, f.i32(end.minU(outer)), 1, position);
  },
};

/**
 * Finds the largest element, then its first place: four at a time, then one at a time from there.
 */
function rowPosition(k: KernelBuilder): (o: I32) => void {
  const { f } = k;
  const [x, index, length] = [k.pointer("x"), k.pointer("index"), k.integer("length")];
  return (o) => {
    const row = f.i32(x.add(o.mul(length).shl(2)));
    const [largest] = foldRow(f, length, [row], [LARGEST]);
    const wanted = f.v128(largest.splat());
    const at = f.i32(row);
    const end = f.i32(row.add(length.shl(2)));
    const whole = f.i32(end.sub(16));
    const isFour = (p: I32) => p.loadV128().eq(wanted).anyTrue();
    const found = f.i32(0);
    f.while(at.leU(whole).and(found.eqz()), () => {
      f.set(found, isFour(at));
      f.if(found.eqz(), () => f.set(at, at.add(16)));
    });
    f.set(found, 0);
    f.while(at.ltU(end).and(found.eqz()), () => {
      f.set(found, at.loadF32().eq(largest));
      f.if(found.eqz(), () => f.set(at, at.add(4)));
    });
    const place = I32.select(found, at.sub(row).shrU(2), 0);
    f.storeI32(index.add(o.shl(2)), place);
  };
}

/** Goes down four columns at a time, then one at a time. */
function columnsPosition(k: KernelBuilder): (o: I32) => void {
  const { f } = k;
  const [x, index] = [k.pointer("x"), k.pointer("index")];
  const [length, inner] = [k.integer("length"), k.integer("inner")];
  const stride = f.i32(inner.shl(2));
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
    const top = f.i32(x.add(o.mul(length).mul(inner).shl(2)));
    const to = f.i32(index.add(o.mul(inner).shl(2)));
    const end = f.i32(to.add(stride));
    const whole = f.i32(to.add(stride.and(-16)));
    f.while(to.ltU(whole), () => {
      f.storeV128(to, down(top, (p) => p.loadV128()));
      f.set(to, to.add(16));
      f.set(top, top.add(16));
    });
    f.while(to.ltU(end), () => {
      f.storeI32(to, down(top, (p) => p.loadSplat()).laneI(0));
      f.set(to, to.add(4));
      f.set(top, top.add(4));
    });
  };
}
