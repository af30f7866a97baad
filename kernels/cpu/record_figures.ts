/**
 * Writes a step's figures into a ring on the device: ring[2·(counter mod length)] = (loss, norm),
 * counter += 1. One chunk.
 *
 * loss, norm: [1] f32; counter: i32 [1]; ring: [length, 2].
 *
 * @module
 */
import type { CpuKernel } from "../../lib/device/kernel.ts";

export const recordFigures: CpuKernel = {
  chunks: () => 1,
  emit(k) {
    const { f } = k;
    const [loss, norm, counter, ring] = ["loss", "norm", "counter", "ring"]
      .map((name) => k.pointer(name));
    const at = f.i32(counter.loadI32());
    const row = f.i32(ring.add(at.remU(k.integer("length")).shl(3)));
    f.storeF32(row, loss.loadF32());
    f.storeF32(row, norm.loadF32(), 4);
    f.storeI32(counter, at.add(1));
  },
};
