/**
 * AdamW over one flat buffer of parameters, with the clip of the global norm applied on the way.
 *
 * gradient, parameter, m, v: [count]; sumOfSquares: [1], ‖gradient‖²; hyper: [3], what changes from
 * step to step: rate/(1 − β₁ᵗ), √(1 − β₂ᵗ), 1 − rate·weightDecay. A chunk updates 8,192 elements.
 * Source: Loshchilov & Hutter, arXiv 1711.05101, in PyTorch's form: decay first, ε outside the
 * root.
 *
 * @module
 */
import { F32, type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { forVectors } from "./rows.ts";
import { CHUNK } from "./unary.ts";

export const adamW: CpuKernel = {
  chunks: ({ count }) => Math.ceil(count / CHUNK),
  emit(k) {
    const { f } = k;
    const names = ["gradient", "parameter", "m", "v"];
    const start = f.i32(k.chunk.mul(CHUNK));
    const [gradient, parameter, m, v] = names.map((name) =>
      f.i32(k.pointer(name).add(start.shl(2)))
    );
    const hyper = k.pointer("hyper");
    const clip = k.float("clip");
    const norm = f.f32(k.pointer("sumOfSquares").loadF32().sqrt());
    const over = clip.gt(0).and(norm.gt(clip));
    const factor = f.v128(F32.select(over, clip.div(norm), 1).splat());
    const [stepSize, root, decay] = [0, 4, 8].map((at) => f.v128(hyper.loadSplat(at)));
    const [epsilon, beta1, beta2, rest1, rest2] = ["epsilon", "beta1", "beta2", "rest1", "rest2"]
      .map((name) => f.v128(k.float(name).splat()));

    const update = (
      load: (p: I32) => V128,
      store: (p: I32, x: V128) => void,
      i: I32,
      decays: V128,
    ) => {
      const g = f.v128(load(gradient.add(i)).mul(factor));
      const newM = f.v128(f.madd(load(m.add(i)), beta1, g.mul(rest1)));
      const newV = f.v128(f.madd(load(v.add(i)), beta2, g.mul(g).mul(rest2)));
      const scale = newV.sqrt().div(root).add(epsilon);
      const moved = f.nmadd(newM.div(scale), stepSize, load(parameter.add(i)).mul(decays));
      store(m.add(i), newM);
      store(v.add(i), newV);
      store(parameter.add(i), moved);
    };
    const range = (from: I32, to: I32, decays: V128) => {
      const count = f.i32(to.sub(from));
      const bytes = f.i32(from.shl(2));
      forVectors(f, count, (i) => {
        update((p) => p.loadV128(), (p, x) => f.storeV128(p, x), f.i32(bytes.add(i)), decays);
      }, (i) => {
        const scalar = (p: I32, x: V128) => f.storeF32(p, x.lane(0));
        update((p) => p.loadSplat(), scalar, f.i32(bytes.add(i)), decays);
      });
    };
    const left = f.i32(k.integer("count").sub(start));
    const end = f.i32(left.minS(CHUNK));
    const decayed = f.i32(k.integer("decayed").sub(start));
    f.set(decayed, decayed.maxS(0));
    f.set(decayed, decayed.minS(end));
    range(f.i32(0), decayed, decay);
    range(decayed, end, f.v128(V128.of(1)));
  },
};
