/**
 * The factor that clips a gradient by its global norm.
 *
 * @module
 */
import { F32, type V128 } from "../../lib/wasm/assembler.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";

/**
 * min(1, clip/‖gradient‖) in all lanes, 1 if clip is 0: of the scalar `clip` and the buffer
 * `sumOfSquares`, [1], ‖gradient‖².
 */
export function clipFactor(k: KernelBuilder): V128 {
  const { f } = k;
  const clip = k.float("clip");
  const norm = f.f32(k.pointer("sumOfSquares").loadF32().sqrt());
  const over = clip.gt(0).and(norm.gt(clip));
  return f.v128(F32.select(over, clip.div(norm), 1).splat());
}
