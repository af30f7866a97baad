/**
 * gradient ← gradient/state[0], where the scale is a power of 2, so that nothing is rounded.
 *
 * gradient: [count]; state: [2] = loss scale, steps since it changed; all f32. A chunk computes
 * 8,192 elements.
 *
 * @module
 */
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { mapVectors } from "./rows.ts";
import { CHUNK } from "./unary.ts";

export const unscale: CpuKernel = {
  chunks: ({ count }) => Math.ceil(count / CHUNK),
  emit(k) {
    const { f } = k;
    const { start, count } = k.share(k.integer("count"), CHUNK);
    const gradient = f.i32(k.pointer("gradient").at(start));
    const scale = f.v128(k.pointer("state").loadSplat());
    mapVectors(f, count, [gradient], gradient, (g) => g.div(scale));
  },
};
