/**
 * y[i] = x[i]·scale where the uniform number of index i is at least `rate`, else 0. x, y: [count]
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
    const [x, y] = [k.pointer("x"), k.pointer("y")];
    const rate = f.v128(k.float("rate").splat());
    const scale = f.v128(k.float("scale").splat());
    forRandom(
      k,
      (words) => transposeSquare(f, words).map((vector) => toUniform(vector).ge(rate).and(scale)),
      4,
      (at, factors) => f.storeV128(y.add(at), x.add(at).loadV128().mul(factors)),
      (at, factor) => f.storeF32(y.add(at), x.add(at).loadF32().mul(factor.loadF32())),
    );
  },
};
