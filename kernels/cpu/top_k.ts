/**
 * The k largest elements of each row, largest first; of equal ones the earlier first. x: [rows,
 * width] f32; values: f32, indices: i32, [rows, k].
 *
 * A chunk computes one row: four elements at a time are skipped if none exceeds the k-th so far.
 *
 * @module
 */
import type { I32 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";

export const topK: CpuKernel = {
  chunks: ({ rows }) => rows,
  emit(k) {
    const { f } = k;
    const { width, k: count } = k.integers("width", "k");
    const x = f.i32(k.pointer("x").at(k.chunk.mul(width)));
    const [values, indices] = ["values", "indices"]
      .map((name) => f.i32(k.pointer(name).at(k.chunk.mul(count))));
    const last = f.i32(values.at(count.sub(1)));
    const insert = (j: I32) => {
      const value = f.f32(x.at(j).loadF32());
      f.if(j.ltU(count).or(value.gt(last.loadF32())), () => {
        const at = f.i32(f.minU(count.sub(1), j).inBytes());
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
      const skip = f.i32(0);
      f.if(j.geU(count).and(j.add(4).leU(width)), () => {
        f.set(skip, x.at(j).loadV128().gt(last.loadSplat()).anyTrue().eqz());
      });
      f.if(skip, () => f.set(j, j.add(4)), () => {
        insert(j);
        f.set(j, j.add(1));
      });
    });
  },
};
