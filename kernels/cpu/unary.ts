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
    const { start, count } = k.share(k.integer("count"), CHUNK);
    const [x, y] = ["x", "y"].map((name) => f.i32(k.pointer(name).at(start)));
    const { apply } = k.functions;
    mapVectors(f, count, [x], y, (value) => apply.cpu(f, value));
  },
};
