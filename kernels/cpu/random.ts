/**
 * y = uniform or normal random numbers. y: [count] f32; state: i32 [2] = [seed, step]. A chunk
 * computes 8,192 elements.
 *
 * `NORMAL` 0: element i is the uniform number of index i. `NORMAL` 1 (Box–Muller): it is
 * √(−2 ln(1 − u))·cos(2πv), u and v the uniform numbers of indices 2i and 2i + 1.
 *
 * @module
 */
import { type FunctionBuilder, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { log } from "./math.ts";
import { CHUNK, forRandom, SCRATCH_BYTES, toUniform, type Words } from "./philox.ts";
import { transposeSquare } from "./square.ts";

const c = (value: number) => V128.of(value);

export const random: CpuKernel = {
  chunks: ({ count }) => Math.ceil(count / CHUNK),
  scratchBytes: () => SCRATCH_BYTES,
  emit(k) {
    const { f } = k;
    const y = k.pointer("y");
    const normal = k.constants.NORMAL === 1;
    forRandom(k, {
      draw: (words) =>
        normal ? normals(f, words) : transposeSquare(f, words).map((vector) => toUniform(vector)),
      vectors: normal ? 2 : 4,
      body: (at, values, { store }) => store(y.add(at), values),
    });
  },
};

/** The eight normal numbers of four counters, in order. */
function normals(f: FunctionBuilder, [u0, v0, u1, v1]: Words): V128[] {
  const even = f.v128(boxMuller(f, toUniform(u0), toUniform(v0)));
  const odd = f.v128(boxMuller(f, toUniform(u1), toUniform(v1)));
  return [even.shuffle(odd, 0, 4, 1, 5), even.shuffle(odd, 2, 6, 3, 7)];
}

function boxMuller(f: FunctionBuilder, u: V128, v: V128): V128 {
  const radius = f.v128(log(f, c(1).sub(u)).mul(c(-2)).sqrt());
  return radius.mul(cosineOfTurns(f, v));
}

/**
 * cos(2πv) for v in [0, 1): v minus the nearest quarter turn, then a polynomial. Source: Cephes'
 * sinf and cosf.
 */
function cosineOfTurns(f: FunctionBuilder, turns: V128): V128 {
  const v = f.v128(turns);
  const quarter = f.v128(v.mul(c(4)).nearest());
  const angle = f.v128(f.nmadd(quarter, c(0.25), v).mul(c(2 * Math.PI)));
  const square = f.v128(angle.mul(angle));
  const s = f.madd(
    f.madd(square, c(-1.9515295891e-4), c(8.3321608736e-3)),
    square,
    c(-1.6666654611e-1),
  );
  const sine = f.v128(f.madd(angle.mul(square), s, angle));
  const t = f.madd(
    f.madd(square, c(2.443315711809948e-5), c(-1.388731625493765e-3)),
    square,
    c(4.166664568298827e-2),
  );
  const cosine = f.v128(f.madd(square.mul(square), t, f.nmadd(square, c(0.5), c(1))));
  const q = f.v128(quarter.toI());
  const isSine = f.v128(q.and(V128.ofI(1)).eqI(V128.ofI(1)));
  // Quarters 1 and 2 are negative: cos(π/2 + a) = −sin a, cos(π + a) = −cos a.
  const sign = q.addI(V128.ofI(1)).and(V128.ofI(2)).shlI(30);
  return isSine.bitSelect(sine, cosine).xor(sign);
}
