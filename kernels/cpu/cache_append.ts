/**
 * keys[b, h, position + t] and values[b, h, position + t] ← head h's columns of packed[b, t] from
 * `offset` on; rows beyond S are left out.
 *
 * packed: [B,T,stride], queries first, then keys, then values; keys, values: [B,H,S,D], H key-value
 * heads; position: i32 [1], or [B] with `PER_ROW`. A chunk copies every `chunks`-th row.
 *
 * @module
 */
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { mapVectors } from "./rows.ts";

export const cacheAppend: CpuKernel = {
  chunks: ({ rows, heads, headSize }) =>
    Math.max(1, Math.min(rows, Math.ceil(rows * heads * headSize / 8192))),
  emit(k) {
    const { f } = k;
    const [packed, keys, values] = ["packed", "keys", "values"].map((name) => k.pointer(name));
    const positions = k.pointer("position");
    const first = f.i32(positions.loadI32());
    const names = ["rows", "time", "stride", "offset", "heads", "length", "headSize"];
    const [rows, time, stride, offset, heads, length, headSize] = names
      .map((name) => k.integer(name));
    const { chunks } = k;
    f.for(k.chunk, rows, chunks, (row) => {
      if (k.constants.PER_ROW) f.set(first, positions.add(row.divU(time).shl(2)).loadI32());
      const place = f.i32(first.add(row.remU(time)));
      f.if(place.ltU(length), () => {
        const from = f.i32(packed.add(row.mul(stride).add(offset).shl(2)));
        const fromValues = f.i32(from.add(heads.mul(headSize).shl(2)));
        const head = f.i32(row.divU(time).mul(heads));
        f.for(0, heads, 1, () => {
          const at = f.i32(head.mul(length).add(place).mul(headSize).shl(2));
          mapVectors(f, headSize, [from], f.i32(keys.add(at)), (x) => x);
          mapVectors(f, headSize, [fromValues], f.i32(values.add(at)), (x) => x);
          for (const pointer of [from, fromValues]) f.set(pointer, pointer.add(headSize.shl(2)));
          f.set(head, head.add(1));
        });
      });
    });
  },
};
