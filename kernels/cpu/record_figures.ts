/**
 * Writes a step's loss and gradient norm into a ring on the device: ring[counter mod length] =
 * [loss, norm], counter += 1. One chunk.
 *
 * loss, norm: [1] f32; counter: i32 [1]; ring: [length, 2] f32.
 *
 * @module
 */
import type { CpuKernel } from "../../lib/device/kernel.ts";

export const recordFigures: CpuKernel = {
  chunks: () => 1,
  emit(k) {
    const { f } = k;
    const { loss, norm, counter, ring } = k.pointers("loss", "norm", "counter", "ring");
    const step = f.i32(counter.loadI32());
    const row = f.i32(ring.add(step.remU(k.integer("length")).mul(8)));
    f.storeF32(row, loss.loadF32());
    f.storeF32(row, norm.loadF32(), 4);
    f.storeI32(counter, step.add(1));
  },
};
