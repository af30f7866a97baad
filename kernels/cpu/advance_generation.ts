/**
 * Takes a sampled token for each sequence b: token[b] ← next[b], output[state[1] mod length, b] ←
 * next[b], position[b] += tokens; at the end state[1] += 1. One chunk.
 *
 * next, token, position: i32 [B]; state: i32 [2] = (seed, tokens sampled); output: i32 [length, B].
 * With `HISTORY`, history[b, lengths[b]] ← next[b] and lengths[b] += 1; history: i32 [B, capacity],
 * lengths: i32 [B]. With `SCORES`, scores[state[1] mod length, b] ← −loss[b]; loss: f32 [B].
 *
 * @module
 */
import type { CpuKernel } from "../../lib/device/kernel.ts";

export const advanceGeneration: CpuKernel = {
  chunks: () => 1,
  emit(k) {
    const { f } = k;
    const [nexts, loss, token, position, state, output, history, lengths, scores] = [
      "next",
      "loss",
      "token",
      "position",
      "state",
      "output",
      "history",
      "lengths",
      "scores",
    ].map((name) => k.pointer(name));
    const [length, tokens, rows, capacity] = ["length", "tokens", "rows", "capacity"]
      .map((name) => k.integer(name));
    const count = f.i32(state.loadI32(4));
    const slot = f.i32(count.remU(length).mul(rows).shl(2));
    f.for(0, rows, 1, (row) => {
      const at = f.i32(row.shl(2));
      const next = f.i32(nexts.add(at).loadI32());
      const place = f.i32(position.add(at));
      f.storeI32(token.add(at), next);
      f.storeI32(output.add(slot).add(at), next);
      f.storeI32(place, place.loadI32().add(tokens));
      if (k.constants.HISTORY) {
        const taken = f.i32(lengths.add(at).loadI32());
        f.if(taken.ltU(capacity), () => {
          f.storeI32(history.add(row.mul(capacity).add(taken).shl(2)), next);
        });
        f.storeI32(lengths.add(at), taken.add(1));
      }
      if (k.constants.SCORES) {
        f.storeF32(scores.add(slot).add(at), loss.add(at).loadF32().neg());
      }
    });
    f.storeI32(state, count.add(1), 4);
  },
};
