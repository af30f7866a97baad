/**
 * Attention of one new token to the cache, and the step that puts keys and values into it.
 *
 * packed: [B, T, stride], queries first, then keys, then values; keys, values: [B, S, W], W = key-value heads · D; position: i32 [1], how many
 * tokens the cache held before.
 *
 * @module
 */
import { type F32, type I32, V128 } from "../../lib/device/cpu/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { exp, sumLanes } from "./math.ts";
import { forVectors, mapVectors } from "./rows.ts";

/** keys[b, position + t] and values[b, position + t] ← the columns of packed[b, t]; rows beyond S are left out. */
export const cacheAppend: CpuKernel = {
  chunks: ({ rows, width }) => Math.max(1, Math.min(rows, Math.ceil(rows * width / 8192))),
  emit(k) {
    const { f } = k;
    const [packed, keys, values] = ["packed", "keys", "values"].map((name) => k.pointer(name));
    const first = f.i32(k.pointer("position").loadI32());
    const [rows, time, stride, offset, width, length, chunks] = [
      "rows",
      "time",
      "stride",
      "offset",
      "width",
      "length",
      "chunks",
    ].map((name) => k.integer(name));
    f.for(k.chunk, rows, chunks, (row) => {
      const place = f.i32(first.add(row.remU(time)));
      f.if(place.ltU(length), () => {
        const from = f.i32(packed.add(row.mul(stride).add(offset).shl(2)));
        const at = f.i32(row.divU(time).mul(length).add(place).mul(width).shl(2));
        mapVectors(f, width, [from], f.i32(keys.add(at)), (x) => x);
        f.set(from, from.add(width.shl(2)));
        mapVectors(f, width, [from], f.i32(values.add(at)), (x) => x);
      });
    });
  },
};

/**
 * output[b, h] = softmax(scale · q·Kᵀ)·V over places position − window + 1 … position, position being the new token's. A chunk computes one head
 * of one sequence.
 */
export const attentionDecode: CpuKernel = {
  chunks: ({ batch, heads }) => batch * heads,
  scratchBytes: ({ length }) => 4 * length + 64,
  emit(k) {
    const { f } = k;
    const [packed, keys, values, output] = ["packed", "keys", "values", "output"]
      .map((name) => k.pointer(name));
    const [heads, group, size, stride, width, length, window] = [
      "heads",
      "group",
      "size",
      "stride",
      "width",
      "length",
      "window",
    ].map((name) => k.integer(name));
    const place = f.i32(k.pointer("position").loadI32());
    const last = f.i32(length.sub(1));
    f.set(place, place.minS(last));
    const count = f.i32(place.add(1));
    f.set(count, count.minS(window));
    const [b, h] = [f.i32(k.chunk.divU(heads)), f.i32(k.chunk.remU(heads))];
    const q = f.i32(packed.add(b.mul(stride).add(h.mul(size)).shl(2)));
    const firstRow = f.i32(b.mul(length).add(place).sub(count).add(1));
    const start = f.i32(firstRow.mul(width).add(h.divU(group).mul(size)).shl(2));
    const rowBytes = f.i32(width.shl(2));
    const scale = f.f32(k.float("scale"));
    const scores = k.scratch;

    const key = f.i32(keys.add(start));
    const most = f.f32(-Infinity);
    f.for(0, count, 1, (s) => {
      const sums = f.v128(V128.of(0));
      const tail = f.f32(0);
      forVectors(f, size, (i) => {
        f.set(sums, f.madd(q.add(i).loadV128(), key.add(i).loadV128(), sums));
      }, (i) => f.set(tail, tail.add(q.add(i).loadF32().mul(key.add(i).loadF32()))));
      const score = f.f32(sumLanes(f, sums).add(tail).mul(scale));
      f.storeF32(scores.add(s.shl(2)), score);
      f.set(most, most.max(score));
      f.set(key, key.add(rowBytes));
    });
    const total = softmaxInPlace(k.f, scores, count, most);

    const out = f.i32(output.add(k.chunk.mul(size).shl(2)));
    mapVectors(f, size, [], out, () => V128.of(0));
    const value = f.i32(values.add(start));
    const inverse = f.f32(V128.of(1).lane(0).div(total));
    f.for(0, count, 1, (s) => {
      const p = f.v128(scores.add(s.shl(2)).loadF32().mul(inverse).splat());
      mapVectors(f, size, [value, out], out, (v, sum) => f.madd(p, v, sum));
      f.set(value, value.add(rowBytes));
    });
  },
};

/** scores ← exp(scores − most); gives their sum. */
function softmaxInPlace(
  f: Parameters<typeof exp>[0],
  scores: I32,
  count: I32,
  most: F32,
): F32 {
  const shift = f.v128(most.splat());
  const sums = f.v128(V128.of(0));
  const tail = f.f32(0);
  forVectors(f, count, (i) => {
    const e = f.v128(exp(f, scores.add(i).loadV128().sub(shift)));
    f.storeV128(scores.add(i), e);
    f.set(sums, sums.add(e));
  }, (i) => {
    const e = f.f32(exp(f, scores.add(i).loadSplat().sub(shift)).lane(0));
    f.storeF32(scores.add(i), e);
    f.set(tail, tail.add(e));
  });
  return f.f32(sumLanes(f, sums).add(tail));
}
