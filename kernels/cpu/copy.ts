/**
 * y = x, word by word. x, y: [count], any 32-bit type. A chunk copies 16,384 words.
 *
 * @module
 */
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { mapVectors } from "./rows.ts";

const CHUNK = 16384;

export const copy: CpuKernel = {
  chunks: ({ count }) => Math.ceil(count / CHUNK),
  emit(k) {
    const { f } = k;
    const start = f.i32(k.chunk.mul(CHUNK));
    const left = f.i32(k.integer("count").sub(start));
    const count = f.i32(left.minU(CHUNK));
    const x = f.i32(k.pointer("x").add(start.shl(2)));
    const y = f.i32(k.pointer("y").add(start.shl(2)));
    mapVectors(f, count, [x], y, (value) => value);
  },
};
