/**
 * The k largest of each row, largest first, of equal ones the earlier first. x: [rows, width];
 * values: f32, indices: i32, [rows, k].
 *
 * A chunk computes one row: four elements at a time are passed over while none exceeds the k-th so
 * far.
 *
 * @module
 */
import type { I32 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";

export const topK: CpuKernel = {
  chunks: ({ rows }) => rows,
  emit(k) {
    const { f } = k;
    const [width, most] = [k.integer("width"), k.integer("k")];
    const x = f.i32(k.pointer("x").add(k.chunk.mul(width).shl(2)));
    const place = f.i32(k.chunk.mul(most).shl(2));
    const values = f.i32(k.pointer("values").add(place));
    const indices = f.i32(k.pointer("indices").add(place));
    const last = f.i32(values.add(most.sub(1).shl(2)));
    const insert = (j: I32) => {
      const value = f.f32(x.add(j.shl(2)).loadF32());
      f.if(j.ltU(most).or(value.gt(last.loadF32())), () => {
        const at = f.i32(most.sub(1));
        f.set(at, at.minU(j));
        f.set(at, at.shl(2));
        const before = f.i32(values.add(at));
        f.while(at.gtS(0).and(before.sub(4).loadF32().lt(value)), () => {
          f.storeF32(before, before.sub(4).loadF32());
          f.storeI32(indices.add(at), indices.add(at).sub(4).loadI32());
          f.set(at, at.sub(4));
          f.set(before, before.sub(4));
        });
        f.storeF32(before, value);
        f.storeI32(indices.add(at), j);
      });
    };
    const j = f.i32(0);
    f.while(j.ltU(width), () => {
      const four = f.i32(j.geU(most).and(j.add(4).leU(width)));
      const none = f.i32(0);
      f.if(four, () => {
        f.set(none, x.add(j.shl(2)).loadV128().gt(last.loadSplat()).anyTrue().eqz());
      });
      f.if(none, () => f.set(j, j.add(4)), () => {
        insert(j);
        f.set(j, j.add(1));
      });
    });
  },
};
