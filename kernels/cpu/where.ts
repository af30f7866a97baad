/**
 * y = condition ≠ 0 ? a : b, elementwise with broadcasting. All are 32-bit words.
 *
 * Of the condition's words the bits in `MASK` count: all but the sign for f32, so that −0 is 0.
 * Axes, strides and chunks are those of binary.ts.
 *
 * @module
 */
import { V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { binary, emitElementwise } from "./binary.ts";

export const where: CpuKernel = {
  chunks: binary.chunks,
  emit(k) {
    const mask = k.f.constant(V128.ofI(k.constants.MASK));
    const zero = k.f.constant(V128.ofI(0));
    emitElementwise(
      k,
      { inputs: ["c", "a", "b"], output: "y" },
      (c, a, b) => c.and(mask).eqI(zero).bitSelect(b, a),
    );
  },
};
