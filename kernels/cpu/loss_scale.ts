/**
 * The loss scale of the next step: half of this one's if the gradients' norm is not finite, but at
 * least 1; twice as much, but at most `most`, after `interval` steps without that.
 *
 * norm: [1]; state: [3] = loss scale, steps since it changed, steps whose norm was not finite; all
 * f32. One chunk.
 *
 * @module
 */
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { F32 } from "../../lib/wasm/assembler.ts";
import { isFinite } from "./clip.ts";

export const lossScale: CpuKernel = {
  chunks: () => 1,
  emit(k) {
    const { f } = k;
    const { norm, state } = k.pointers("norm", "state");
    const [scale, steps] = [f.f32(state.loadF32()), f.f32(state.loadF32(4).add(1))];
    const change = (changed: F32) => {
      f.storeF32(state, changed);
      f.storeF32(state, 0, 4);
    };
    const most = k.float("most");
    f.if(isFinite(norm), () => {
      f.if(steps.ge(k.float("interval")), () => {
        change(F32.select(scale.mul(2).gt(most), most, scale.mul(2)));
      }, () => f.storeF32(state, steps, 4));
    }, () => {
      change(F32.select(scale.gt(2), scale.mul(0.5), 1));
      f.storeF32(state, state.loadF32(8).add(1), 8);
    });
  },
};
