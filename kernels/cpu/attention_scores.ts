/**
 * scores[b,h,i,j] = scale·q[b,i,h]·k[b,j,h/group] if the query sees the key, otherwise −∞.
 *
 * Scores are changed as in attention_adjust.ts. q, k and the mask as in attention.ts; scores:
 * [B,H,Tq,Tk] f32. A chunk computes a share of the rows. Sums are in f32.
 *
 * @module
 */
import { V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { adjusted } from "./attention_adjust.ts";
import { chunksOf } from "./attention_blocks.ts";
import { visibleRange } from "./attention_mask.ts";
import { attentionTensors, headAt, keyLimit } from "./attention_tensors.ts";
import { sumLanes } from "./math.ts";
import { forVectors } from "./rows.ts";

export const attentionScores: CpuKernel = {
  chunks: ({ batch, heads, queries, keys }, { HEAD_SIZE }) =>
    chunksOf(batch * heads * queries, batch * heads * queries * keys * HEAD_SIZE),
  emit(k) {
    const { f } = k;
    const D = k.constants.HEAD_SIZE;
    const t = attentionTensors(k);
    const scale = k.float("scale");
    k.forShare(f.i32(t.batch.mul(t.heads).mul(t.queries)), (row) => {
      const [b, head, i] = f.unravel(row, t.heads, t.queries);
      const position = f.i32(i.add(t.keys).sub(t.queries));
      const { low, high } = visibleRange(f, { ...t, position, end: keyLimit(f, t, b) });
      const query = f.i32(headAt(k, t.q, { row: b.mul(t.queries).add(i), head }));
      const key = f.i32(headAt(k, t.k, { row: b.mul(t.keys), head: head.divU(t.group) }));
      const target = f.i32(k.pointer("scores").at(row.mul(t.keys)));
      f.for(0, t.keys, 1, (j) => {
        f.storeF32(target, -Infinity);
        f.if(j.geS(low).and(j.ltS(high)), () => {
          const sum = f.v128(V128.of(0));
          const rest = f.f32(0);
          forVectors(f, D, (at, { count, load }) => {
            const [x, y] = [load(query.add(at)), load(key.add(at))];
            if (count === "four") f.set(sum, f.madd(x, y, sum));
            else f.set(rest, x.mul(y).lane(0).add(rest));
          });
          const scores = f.v128(sumLanes(f, sum).add(rest).mul(scale).splat());
          const distance = j.sub(position);
          f.storeF32(target, f.v128(adjusted(k, { scores, head, distance }, 1)).lane(0));
        });
        f.set(target, target.add(4));
        f.set(key, key.add(t.k.stride));
      });
    });
  },
};
