/**
 * AdamW's corrections of its means for the updates that were made, if some steps were skipped:
 *
 *     hyper[0] ← hyper[0]·c₁(t)/c₁(n),  hyper[1] ← √c₂(n),  cᵢ(n) = 1 − βᵢⁿ,  n = t − skipped
 *
 * hyper: [4] = rate/c₁(t), √c₂(t), a number that stays, t; state: [3], of which the last is the
 * number of skipped steps; all f32. cᵢ is doubled as c(2k) = c(k)·(2 − c(k)) and extended as
 * c(k + 1) = βc(k) + (1 − β), which loses no digits. One chunk.
 *
 * @module
 */
import type { F32 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";

export const biasCorrection: CpuKernel = {
  chunks: () => 1,
  emit(k) {
    const { f } = k;
    const { hyper, state } = k.pointers("hyper", "state");
    const [step, skipped] = [f.f32(hyper.loadF32(12)), f.f32(state.loadF32(8))];
    f.if(skipped.gt(0), () => {
      const made = f.f32(step.sub(skipped));
      const [before, first] = [step, made].map((n) => correction(k, "beta1", "rest1", n));
      f.storeF32(hyper, hyper.loadF32().mul(before.div(first)));
      f.storeF32(hyper, correction(k, "beta2", "rest2", made).sqrt(), 4);
    });
  },
};

/** 1 − βⁿ of a whole number n below 2²⁴, by its bits. */
function correction(k: KernelBuilder, beta: string, rest: string, n: F32): F32 {
  const { f } = k;
  const [c, left, bit] = [f.f32(0), f.f32(n), f.f32(2 ** 23)];
  f.while(bit.ge(1), () => {
    f.set(c, c.mul(f.f32(2).sub(c)));
    f.if(left.ge(bit), () => {
      f.set(c, c.mul(k.float(beta)).add(k.float(rest)));
      f.set(left, left.sub(bit));
    });
    f.set(bit, bit.mul(0.5));
  });
  return c;
}
