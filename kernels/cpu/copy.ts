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
    const { start, count } = k.share(k.integer("count"), CHUNK);
    const [x, y] = ["x", "y"].map((name) => f.i32(k.pointer(name).at(start)));
    mapVectors(f, count, [x], y, (value) => value);
  },
};
