/**
 * scores[b,h,i,j] = scale·q[b,i,h]·k[b,j,h/group] where the query sees the key, −∞ elsewhere.
 *
 * q, k and the mask as in attention.ts; scores: [B,H,Tq,Tk]. A chunk computes every `chunks`-th
 * row. Sums are in f32.
 *
 * @module
 */
import { V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { chunksOf, visibleRange } from "./attention_blocks.ts";
import { sumLanes } from "./math.ts";
import { forVectors } from "./rows.ts";

export const attentionScores: CpuKernel = {
  chunks: ({ batch, heads, queries, keys }, { HEAD_SIZE }) =>
    chunksOf(batch * heads * queries, batch * heads * queries * keys * HEAD_SIZE),
  emit(k) {
    const { f } = k;
    const D = k.constants.HEAD_SIZE;
    const [q, keys, scores] = ["q", "k", "scores"].map((name) => k.pointer(name));
    const names = ["heads", "group", "queries", "keys", "behind", "ahead"];
    const [heads, group, queries, keyCount, behind, ahead] = names.map((name) => k.integer(name));
    const strides = ["qOffset", "qStride", "kOffset", "kStride"];
    const [qOffset, qStride, kOffset, kStride] = strides
      .map((name) => f.i32(k.integer(name).shl(2)));
    const lengths = k.constants.HAS_LENGTHS ? k.pointer("lengths") : undefined;
    const scale = k.float("scale");
    const chunks = k.chunks;
    const rows = f.i32(k.integer("batch").mul(heads).mul(queries));
    f.for(k.chunk, rows, chunks, (row) => {
      const i = f.i32(row.remU(queries));
      const head = f.i32(row.divU(queries).remU(heads));
      const batch = f.i32(row.divU(queries).divU(heads));
      const end = f.i32(keyCount);
      if (lengths) {
        f.set(end, lengths.add(batch.shl(2)).loadI32());
        f.set(end, end.minS(keyCount));
      }
      const position = f.i32(i.add(keyCount).sub(queries));
      const start = f.i32(0);
      const { low, high } = visibleRange(f, position, { behind, ahead, start, end });
      const query = f.i32(q.add(qOffset).add(batch.mul(queries).add(i).mul(qStride)));
      f.set(query, query.add(head.mul(4 * D)));
      const key = f.i32(keys.add(kOffset).add(batch.mul(keyCount).mul(kStride)));
      f.set(key, key.add(head.divU(group).mul(4 * D)));
      const target = f.i32(scores.add(row.mul(keyCount).shl(2)));
      f.for(0, keyCount, 1, (j) => {
        f.storeF32(target, -Infinity);
        f.if(j.geS(low).and(j.ltS(high)), () => {
          const sum = f.v128(V128.of(0));
          const rest = f.f32(0);
          forVectors(
            f,
            D,
            (at) => f.set(sum, f.madd(query.add(at).loadV128(), key.add(at).loadV128(), sum)),
            (at) => f.set(rest, query.add(at).loadF32().mul(key.add(at).loadF32()).add(rest)),
          );
          f.storeF32(target, sumLanes(f, sum).add(rest).mul(scale));
        });
        f.set(target, target.add(4));
        f.set(key, key.add(kStride));
      });
    });
  },
};
