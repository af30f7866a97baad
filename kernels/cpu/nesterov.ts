/**
 * A running mean of gradients and the update that looks ahead of it (Nesterov):
 *
 *     g = gradient·min(1, clip/‖gradient‖),  m ← m + (1 − μ)·(g − m),
 *     gradient ← g + μ·(m − g)
 *
 * gradient, m: [count]; sumOfSquares: [1], ‖gradient‖²; hyper: [1], μ; all f32. clip 0: no
 * clipping. A chunk updates 8,192 elements.
 *
 * @module
 */
import { V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { clipFactor } from "./clip.ts";
import { forVectors } from "./rows.ts";
import { CHUNK } from "./unary.ts";

export const nesterov: CpuKernel = {
  chunks: ({ count }) => Math.ceil(count / CHUNK),
  emit(k) {
    const { f } = k;
    const { start, count } = k.share(k.integer("count"), CHUNK);
    const [gradient, m] = ["gradient", "m"].map((name) => f.i32(k.pointer(name).at(start)));
    const momentum = f.v128(k.pointer("hyper").loadSplat());
    const rest = f.v128(V128.of(1).sub(momentum));
    const factor = clipFactor(k);
    forVectors(f, count, (i, { load, store }) => {
      const g = f.v128(load(gradient.add(i)).mul(factor));
      const old = f.v128(load(m.add(i)));
      const mean = f.v128(f.madd(g.sub(old), rest, old));
      store(m.add(i), mean);
      store(gradient.add(i), f.madd(mean.sub(g), momentum, g));
    });
  },
};
