/**
 * Rotary positions: each pair (x[j], x[j + D/2]) of a head turns by its angle; the other columns
 * are copied.
 *
 * x, y: [rows, width]; cosine, sine: [positions, D/2], the angles' tables; position: i32 [1], or
 * one for each sequence of `time` rows where `OFFSET` is 2. A chunk computes a share of the rows.
 *
 * @module
 */
import type { I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { forVectors, mapVectors } from "./rows.ts";

export const rotary: CpuKernel = {
  chunks: ({ rows, width }) => Math.max(1, Math.min(rows, Math.ceil(rows * width / 16384))),
  emit(k) {
    const { f } = k;
    const [x, y, cosine, sine, position] = ["x", "y", "cosine", "sine", "position"]
      .map((name) => k.pointer(name));
    const [rows, time, width, heads, half] = ["rows", "time", "width", "heads", "half"]
      .map((name) => k.integer(name));
    const direction = f.v128(k.float("direction").splat());
    const first = f.i32(k.constants.OFFSET ? position.loadI32() : 0);
    const rowBytes = f.i32(width.shl(2));
    const halfBytes = f.i32(half.shl(2));
    const rest = f.i32(width.sub(heads.mul(half).shl(1)));
    const turn = (
      from: I32,
      to: I32,
      c: V128,
      d: V128,
      store: (at: I32, v: V128) => void,
      load: (at: I32) => V128,
    ) => {
      const u = f.v128(load(from));
      const v = f.v128(load(from.add(halfBytes)));
      const s = f.v128(d.mul(direction));
      const cos = f.v128(c);
      store(to, f.nmadd(v, s, u.mul(cos)));
      store(to.add(halfBytes), f.madd(u, s, v.mul(cos)));
    };
    f.for(k.chunk, rows, k.chunks, (row) => {
      if (k.constants.OFFSET === 2) f.set(first, position.add(row.divU(time).shl(2)).loadI32());
      const angles = f.i32(row.remU(time).add(first).mul(halfBytes));
      const c = f.i32(cosine.add(angles));
      const d = f.i32(sine.add(angles));
      const from = f.i32(x.add(row.mul(rowBytes)));
      const to = f.i32(y.add(row.mul(rowBytes)));
      f.for(0, heads, 1, () => {
        forVectors(f, half, (i) => {
          turn(
            from.add(i),
            to.add(i),
            c.add(i).loadV128(),
            d.add(i).loadV128(),
            (at, v) => f.storeV128(at, v),
            (at) => at.loadV128(),
          );
        }, (i) => {
          turn(
            from.add(i),
            to.add(i),
            c.add(i).loadSplat(),
            d.add(i).loadSplat(),
            (at, v) => f.storeF32(at, v.lane(0)),
            (at) => at.loadSplat(),
          );
        });
        f.set(from, from.add(halfBytes.shl(1)));
        f.set(to, to.add(halfBytes.shl(1)));
      });
      mapVectors(f, rest, [from], to, (v) => v);
    });
  },
};
