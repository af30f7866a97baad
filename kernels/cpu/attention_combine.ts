/**
 * Combines the parts of attention_decode.ts (flash decoding): output[b,h] = Σ 2^(mₚ − m)·sumsₚ / Σ
 * 2^(mₚ − m)·lₚ, m the largest mₚ.
 *
 * partial: [B,H,parts,D+2] f32, each part's sums over values, largest score m and sum l; output:
 * [B,1,H·D] f32. One chunk. Sums are in f32.
 *
 * @module
 */
import { F32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { LOWEST } from "./attention_blocks.ts";
import { exp2 } from "./math.ts";
import { mapVectors } from "./rows.ts";

export const attentionCombine: CpuKernel = {
  chunks: () => 1,
  emit(k) {
    const { f } = k;
    const D = k.constants.HEAD_SIZE;
    const bytes = 4 * (D + 2);
    const [partial, output] = ["partial", "output"].map((name) => f.i32(k.pointer(name)));
    const { rows, parts } = k.integers("rows", "parts");
    f.for(0, rows, 1, () => {
      const end = f.i32(partial.add(parts.mul(bytes)));
      const part = f.i32(partial);
      const largest = f.f32(LOWEST);
      f.while(part.ltU(end), () => {
        f.set(largest, largest.max(part.loadF32(4 * D)));
        f.set(part, part.add(bytes));
      });
      mapVectors(f, D, [], output, () => V128.of(0));
      const sum = f.f32(0);
      f.set(part, partial);
      f.while(part.ltU(end), () => {
        const weight = f.v128(exp2(f, part.loadF32(4 * D).sub(largest).splat()));
        f.set(sum, part.loadF32(4 * (D + 1)).mul(weight.lane(0)).add(sum));
        mapVectors(f, D, [part, output], output, (own, before) => f.madd(own, weight, before));
        f.set(part, part.add(bytes));
      });
      const factor = f.v128(F32.of(1).div(sum).splat());
      mapVectors(f, D, [output], output, (value) => value.mul(factor));
      f.set(partial, end);
      f.set(output, output.at(D));
    });
  },
};
