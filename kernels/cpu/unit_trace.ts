/**
 * Gram matrices of vectors of norm 1 instead of their own: with t = max(trace X, ε²),
 *
 *     Y = X/t,  factor = 1/√t.
 *
 * x, y: [batch,m,m], factors: [batch] f32. A chunk computes one matrix; the trace is summed in f32.
 *
 * @module
 */
import { F32 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { mapVectors } from "./rows.ts";

export const unitTrace: CpuKernel = {
  chunks: ({ batch }) => batch,
  emit(k) {
    const { f, chunk } = k;
    const { m } = k.integers("m");
    const size = f.i32(m.mul(m));
    const [x, y] = ["x", "y"].map((name) => f.i32(k.pointer(name).at(chunk.mul(size))));
    const epsilon = k.float("epsilon");
    const trace = f.f32(F32.of(0));
    f.for(0, size, m.add(1), (i) => f.set(trace, trace.add(x.at(i).loadF32())));
    f.set(trace, trace.max(epsilon.mul(epsilon)));
    const factor = f.f32(F32.of(1).div(trace.sqrt()));
    f.storeF32(k.pointer("factors").at(chunk), factor);
    const scale = f.v128(F32.of(1).div(trace).splat());
    mapVectors(f, size, [x], y, (value) => value.mul(scale));
  },
};
