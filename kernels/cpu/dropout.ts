/**
 * y[i] = x[i]·scale if the uniform number of index i is at least `rate`, otherwise 0. x, y: [count]
 * f32; state: i32 [2] = [seed, step]. A chunk computes 8,192 elements.
 *
 * @module
 */
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { CHUNK, forRandom, SCRATCH_BYTES, toUniform } from "./philox.ts";
import { transposeSquare } from "./square.ts";

export const dropout: CpuKernel = {
  chunks: ({ count }) => Math.ceil(count / CHUNK),
  scratchBytes: () => SCRATCH_BYTES,
  emit(k) {
    const { f } = k;
    const { x, y } = k.pointers("x", "y");
    const rate = f.v128(k.float("rate").splat());
    const scale = f.v128(k.float("scale").splat());
    forRandom(k, {
      draw: (words) =>
        transposeSquare(f, words).map((vector) => toUniform(vector).ge(rate).and(scale)),
      vectors: 4,
      body: (at, factors, { load, store }) => store(y.add(at), load(x.add(at)).mul(factors)),
    });
  },
};
