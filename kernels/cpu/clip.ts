/**
 * The factor that clips a gradient by its global norm, and what happens if that is not finite.
 *
 * @module
 */
import { F32, type I32, type V128 } from "../../lib/wasm/assembler.ts";
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

/** Whether the number at an address is neither infinite nor NaN. */
export function isFinite(address: I32): I32 {
  return address.loadI32().and(0x7f800000).ne(0x7f800000);
}

/**
 * Writes `body`; in a build with the constant `SKIP`, it runs only if the gradient's norm is
 * finite.
 */
export function unlessSkipped(k: KernelBuilder, body: () => void): void {
  if (k.constants.SKIP) k.f.if(isFinite(k.pointer("sumOfSquares")), body);
  else body();
}
