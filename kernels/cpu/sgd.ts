/**
 * Gradient descent with momentum over one flat buffer, with the clip of the global norm applied on
 * the way.
 *
 * gradient, parameter, velocity: [count]; sumOfSquares: [1]; hyper: [1], the learning rate.
 * velocity ← momentum·velocity + gradient, parameter ← parameter − rate·velocity. A chunk updates
 * 8,192 elements.
 *
 * @module
 */
import { F32, type I32, type V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { forVectors } from "./rows.ts";
import { CHUNK } from "./unary.ts";

export const sgd: CpuKernel = {
  chunks: ({ count }) => Math.ceil(count / CHUNK),
  emit(k) {
    const { f } = k;
    const start = f.i32(k.chunk.mul(CHUNK));
    const [gradient, parameter, velocity] = ["gradient", "parameter", "velocity"]
      .map((name) => f.i32(k.pointer(name).add(start.shl(2))));
    const rate = f.v128(k.pointer("hyper").loadSplat());
    const momentum = f.v128(k.float("momentum").splat());
    const clip = k.float("clip");
    const norm = f.f32(k.pointer("sumOfSquares").loadF32().sqrt());
    const over = clip.gt(0).and(norm.gt(clip));
    const factor = f.v128(F32.select(over, clip.div(norm), 1).splat());
    const left = f.i32(k.integer("count").sub(start));
    const count = f.i32(left.minS(CHUNK));
    const update = (load: (p: I32) => V128, store: (p: I32, x: V128) => void, i: I32) => {
      const g = load(gradient.add(i)).mul(factor);
      const moved = f.v128(f.madd(load(velocity.add(i)), momentum, g));
      store(velocity.add(i), moved);
      store(parameter.add(i), f.nmadd(moved, rate, load(parameter.add(i))));
    };
    forVectors(
      f,
      count,
      (i) => update((p) => p.loadV128(), (p, x) => f.storeV128(p, x), i),
      (i) => update((p) => p.loadSplat(), (p, x) => f.storeF32(p, x.lane(0)), i),
    );
  },
};
