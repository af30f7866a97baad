/**
 * Takes a sampled token: token ← next, output[state[1] mod length] ← next, state[1] += 1, position += tokens. One chunk.
 *
 * next, token: i32 [1]; position: i32 [1]; state: i32 [2] = (seed, tokens sampled); output: i32 [length].
 *
 * @module
 */
import type { CpuKernel } from "../../lib/device/kernel.ts";

export const advanceGeneration: CpuKernel = {
  chunks: () => 1,
  emit(k) {
    const { f } = k;
    const [token, position, state, output] = ["token", "position", "state", "output"]
      .map((name) => k.pointer(name));
    const next = f.i32(k.pointer("next").loadI32());
    const count = f.i32(state.loadI32(4));
    f.storeI32(token, next);
    f.storeI32(output.add(count.remU(k.integer("length")).shl(2)), next);
    f.storeI32(state, count.add(1), 4);
    f.storeI32(position, position.loadI32().add(k.integer("tokens")));
  },
};
