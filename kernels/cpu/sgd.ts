/**
 * Stochastic gradient descent with momentum over one flat buffer of parameters, with the gradient
 * clipped by its global norm:
 *
 *     velocity ← momentum·velocity + gradient·min(1, clip/‖gradient‖)
 *     parameter ← parameter − rate·velocity
 *
 * gradient, parameter, velocity: [count]; sumOfSquares: [1], ‖gradient‖²; hyper: [1], the learning
 * rate; all f32. clip 0: no clipping. With SKIP nothing changes if the norm is not
 * finite. A chunk updates 8,192 elements.
 *
 * @module
 */
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { clipFactor, unlessSkipped } from "./clip.ts";
import { forVectors } from "./rows.ts";
import { CHUNK } from "./unary.ts";

export const sgd: CpuKernel = {
  chunks: ({ count }) => Math.ceil(count / CHUNK),
  emit(k) {
    const { f } = k;
    const { start, count } = k.share(k.integer("count"), CHUNK);
    const [gradient, parameter, velocity] = ["gradient", "parameter", "velocity"]
      .map((name) => f.i32(k.pointer(name).at(start)));
    const rate = f.v128(k.pointer("hyper").loadSplat());
    const momentum = f.v128(k.float("momentum").splat());
    const factor = clipFactor(k);
    unlessSkipped(k, () => {
      forVectors(f, count, (i, { load, store }) => {
        const g = load(gradient.add(i)).mul(factor);
        const moved = f.v128(f.madd(load(velocity.add(i)), momentum, g));
        store(velocity.add(i), moved);
        store(parameter.add(i), f.nmadd(moved, rate, load(parameter.add(i))));
      });
    });
  },
};
