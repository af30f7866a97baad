/**
 * AdamW over one flat buffer of parameters, with the gradient clipped by its global norm:
 *
 *     g = gradient·min(1, clip/‖gradient‖),  m ← β₁·m + (1 − β₁)·g,  v ← β₂·v + (1 − β₂)·g²,
 *     parameter ← decay·parameter − stepSize·m/(√v/root + ε)
 *
 * gradient, parameter, m, v: [count]; sumOfSquares: [1], ‖gradient‖²; hyper: [3], the numbers that
 * change from step to step: stepSize = rate/(1 − β₁ᵗ), root = √(1 − β₂ᵗ), decay = 1 −
 * rate·weightDecay, which applies to the first `decayed` elements; all f32. clip 0: no clipping.
 * With SKIP nothing changes if the norm is not finite. A chunk updates 8,192 elements. Source:
 * Loshchilov & Hutter, arXiv 1711.05101, in PyTorch's form: decay first, ε outside the root.
 *
 * @module
 */
import { type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { clipFactor, unlessSkipped } from "./clip.ts";
import { forVectors, type Lanes } from "./rows.ts";
import { CHUNK } from "./unary.ts";

export const adamW: CpuKernel = {
  chunks: ({ count }) => Math.ceil(count / CHUNK),
  emit(k) {
    const { f } = k;
    const { gradient, parameter, m, v } = k.pointers("gradient", "parameter", "m", "v");
    const hyper = k.pointer("hyper");
    const [epsilon, beta1, beta2, rest1, rest2] = ["epsilon", "beta1", "beta2", "rest1", "rest2"]
      .map((name) => f.v128(k.float(name).splat()));
    const [stepSize, root, decay] = [0, 4, 8].map((at) => f.v128(hyper.loadSplat(at)));
    const factor = clipFactor(k);
    const update = (offset: I32, { load, store }: Lanes, decay: V128) => {
      const g = f.v128(load(gradient.add(offset)).mul(factor));
      const newM = f.v128(f.madd(load(m.add(offset)), beta1, g.mul(rest1)));
      const newV = f.v128(f.madd(load(v.add(offset)), beta2, g.mul(g).mul(rest2)));
      const scale = newV.sqrt().div(root).add(epsilon);
      const decayed = load(parameter.add(offset)).mul(decay);
      store(m.add(offset), newM);
      store(v.add(offset), newV);
      store(parameter.add(offset), f.nmadd(newM.div(scale), stepSize, decayed));
    };
    const range = (from: I32, to: I32, decay: V128) => {
      const bytes = f.i32(from.inBytes());
      forVectors(f, to.sub(from), (i, lanes) => update(f.i32(bytes.add(i)), lanes, decay));
    };
    const { start, end } = k.share(k.integer("count"), CHUNK);
    const decayed = f.clamp(k.integer("decayed"), start, end);
    unlessSkipped(k, () => {
      range(start, decayed, decay);
      range(decayed, end, f.v128(V128.of(1)));
    });
  },
};
