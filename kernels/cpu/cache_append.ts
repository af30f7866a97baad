/**
 * Appends to a KV cache: keys[b, h, position + t] and values[b, h, position + t] ← head h's columns
 * of packed[b, t] from `offset` on; rows beyond S are not stored.
 *
 * packed: [B,T,stride], queries first, then keys, then values; keys, values: [B,H,S,D], H key/value
 * heads; all f32; position: i32 [1], or [B] with `PER_ROW`. A chunk copies a share of the rows.
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
    const { packed, keys, values, position } = k.pointers("packed", "keys", "values", "position");
    const { rows, time, stride, offset } = k.integers("rows", "time", "stride", "offset");
    const { heads, length, headSize } = k.integers("heads", "length", "headSize");
    const headBytes = f.i32(headSize.inBytes());
    k.forShare(rows, (row) => {
      const [batch, t] = f.unravel(row, time);
      const place = f.i32(position.at(k.constants.PER_ROW ? batch : 0).loadI32().add(t));
      f.if(place.ltU(length), () => {
        const from = f.i32(packed.at(row.mul(stride).add(offset)));
        const fromValues = f.i32(from.add(heads.mul(headBytes)));
        const at = f.i32(batch.mul(heads).mul(length).add(place).mul(headBytes));
        f.for(0, heads, 1, () => {
          mapVectors(f, headSize, [from], f.i32(keys.add(at)), (x) => x);
          mapVectors(f, headSize, [fromValues], f.i32(values.add(at)), (x) => x);
          for (const pointer of [from, fromValues]) f.set(pointer, pointer.add(headBytes));
          f.set(at, at.add(length.mul(headBytes)));
        });
      });
    });
  },
};
