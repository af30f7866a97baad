/**
 * Appends a sampled token to each sequence b: token[b] ← next[b], output[state[1] mod length, b] ←
 * next[b], position[b] += tokens; finally state[1] += 1. One chunk.
 *
 * next, token, position: i32 [B]; state: i32 [2] = [seed, tokens sampled]; output: i32 [length, B].
 * With `RULES`, if adjusted[b, next[b]] is −∞, because the rules forbid every token, output gets −1
 * instead; adjusted: f32 [B, width]. With `SCORES`, scores[state[1] mod length, b] ← −loss[b];
 * scores: f32 [length, B], loss: f32 [B].
 *
 * @module
 */
import type { CpuKernel } from "../../lib/device/kernel.ts";

export const advanceGeneration: CpuKernel = {
  chunks: () => 1,
  emit(k) {
    const { f } = k;
    const { next, token, position, state } = k.pointers("next", "token", "position", "state");
    const { output, scores, loss, adjusted } = k.pointers("output", "scores", "loss", "adjusted");
    const { length, tokens, rows, width } = k.integers("length", "tokens", "rows", "width");
    const sampled = f.i32(state.loadI32(4));
    const slot = f.i32(sampled.remU(length).mul(rows));
    f.for(0, rows, 1, (row) => {
      const id = f.i32(next.at(row).loadI32());
      const place = f.i32(position.at(row));
      f.storeI32(token.at(row), id);
      f.storeI32(output.at(slot.add(row)), id);
      f.storeI32(place, place.loadI32().add(tokens));
      if (k.constants.RULES) {
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
