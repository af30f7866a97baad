/**
 * Appends a sampled token to each sequence b: token[b] ← next[b], output[state[1] mod length, b] ←
 * next[b], position[b] += tokens; finally state[1] += 1. One chunk.
 *
 * next, token, position: i32 [B]; state: i32 [2] = [seed, tokens sampled]; output: i32 [length, B].
 * With `HISTORY`, history[b, lengths[b]] ← next[b] and lengths[b] += 1; history: i32 [B, capacity],
 * lengths: i32 [B]. With `SCORES`, scores[state[1] mod length, b] ← −loss[b]; scores: f32
 * [length, B], loss: f32 [B].
 *
 * With `HISTORY`, whose rules can forbid every token: if adjusted[b, next[b]] is −∞, output gets −1
 * instead; adjusted: f32 [B, width].
 *
 * @module
 */
import type { CpuKernel } from "../../lib/device/kernel.ts";

export const advanceGeneration: CpuKernel = {
  chunks: () => 1,
  emit(k) {
    const { f } = k;
    const { next, token, position, state } = k.pointers("next", "token", "position", "state");
    const { output, history, lengths } = k.pointers("output", "history", "lengths");
    const { scores, loss, adjusted } = k.pointers("scores", "loss", "adjusted");
    const { length, tokens, rows } = k.integers("length", "tokens", "rows");
    const { capacity, width } = k.integers("capacity", "width");
    const sampled = f.i32(state.loadI32(4));
    const slot = f.i32(sampled.remU(length).mul(rows));
    f.for(0, rows, 1, (row) => {
      const id = f.i32(next.at(row).loadI32());
      const place = f.i32(position.at(row));
      f.storeI32(token.at(row), id);
      f.storeI32(output.at(slot.add(row)), id);
      f.storeI32(place, place.loadI32().add(tokens));
      if (k.constants.HISTORY) {
        const taken = f.i32(lengths.at(row).loadI32());
        f.if(taken.ltU(capacity), () => {
          f.storeI32(history.at(row.mul(capacity).add(taken)), id);
        });
        f.storeI32(lengths.at(row), taken.add(1));
        const logit = adjusted.at(row.mul(width).add(id)).loadF32();
        f.if(logit.eq(-Infinity), () => f.storeI32(output.at(slot.add(row)), -1));
      }
      if (k.constants.SCORES) {
        f.storeF32(scores.at(slot.add(row)), loss.at(row).loadF32().neg());
      }
    });
    f.storeI32(state, sampled.add(1), 4);
  },
};
