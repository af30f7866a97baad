/**
 * y = apply(x), elementwise. x, y: [count] f32. A chunk computes 8,192 elements.
 *
 * `apply` is a function of the build, such as those in ../elementwise.ts.
 *
 * @module
 */
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { mapVectors } from "./rows.ts";

/** Elements in a chunk of an elementwise kernel. */
export const CHUNK = 8192;

export const unary: CpuKernel = {
  chunks: ({ count }) => Math.ceil(count / CHUNK),
  emit(k) {
    const { f } = k;
    const start = f.i32(k.chunk.mul(CHUNK));
    const left = f.i32(k.integer("count").sub(start));
    const count = f.i32(left.minU(CHUNK));
    const offset = f.i32(start.shl(2));
    const x = f.i32(k.pointer("x").add(offset));
    const y = f.i32(k.pointer("y").add(offset));
    const { apply } = k.functions;
    mapVectors(f, count, [x], y, (value) => apply.cpu(f, value));
  },
};
