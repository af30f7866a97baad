/**
 * Rotary position embedding (RoPE): each pair (x[j], x[j + R/2]) of a head's first R columns is
 * rotated by its angle; all other columns are copied.
 *
 * x, y: [rows, width]; headPairs: D/2, half: R/2; cosine, sine: [positions, R/2], tables of the
 * angles; all f32; position: i32 [1], or one for each sequence of `time` rows if `OFFSET` is 2.
 * A row outside the tables takes the nearest row of them. `direction`: 1, or −1 for the inverse. A
 * chunk computes a share of the rows.
 *
 * @module
 */
import type { F32, FunctionBuilder, I32 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { forVectors, mapVectors } from "./rows.ts";

export const rotary: CpuKernel = {
  chunks: ({ rows, width }) => Math.max(1, Math.min(rows, Math.ceil(rows * width / 16384))),
  emit(k) {
    const { f } = k;
    const { OFFSET } = k.constants;
    const { x, y, cosine, sine, position } = k.pointers("x", "y", "cosine", "sine", "position");
    const { rows, time, width } = k.integers("rows", "time", "width");
    const { heads, headPairs, half } = k.integers("heads", "headPairs", "half");
    const positions = k.integer("positions");
    const direction = k.float("direction");
    const rotatedBytes = f.i32(half.mul(8));
    const restOfHead = f.i32(headPairs.sub(half).mul(2));
    const restOfRow = f.i32(width.sub(heads.mul(headPairs).mul(2)));
    k.forShare(rows, (row) => {
      const [sequence, t] = f.unravel(row, time);
      if (OFFSET) {
        const place = t.add(position.at(OFFSET === 2 ? sequence : 0).loadI32());
        f.set(t, f.clamp(f.i32(place), 0, positions.sub(1)));
      }
      const angles = f.i32(t.mul(half));
      const [cosines, sines] = [cosine, sine].map((table) => f.i32(table.at(angles)));
      const [from, to] = [x, y].map((base) => f.i32(base.at(row.mul(width))));
      f.for(0, heads, 1, () => {
        rotate(f, { from, to, cosines, sines, half, direction });
        for (const pointer of [from, to]) f.set(pointer, pointer.add(rotatedBytes));
        mapVectors(f, restOfHead, [from], to, (v) => v);
        for (const pointer of [from, to]) f.set(pointer, pointer.at(restOfHead));
      });
      mapVectors(f, restOfRow, [from], to, (v) => v);
    });
  },
};

interface Head {
  readonly from: I32;
  readonly to: I32;
  readonly cosines: I32;
  readonly sines: I32;
  readonly half: I32;
  readonly direction: F32;
}

/** The pairs of one head: (u, v) → (u·cos − v·sin, v·cos + u·sin). */
function rotate(f: FunctionBuilder, head: Head): void {
  const { from, to, cosines, sines, half } = head;
  const direction = f.constant(head.direction.splat());
  const halfBytes = f.constant(half.inBytes());
  forVectors(f, half, (i, { load, store }) => {
    const u = f.v128(load(from.add(i)));
    const v = f.v128(load(from.add(i).add(halfBytes)));
    const sin = f.v128(load(sines.add(i)).mul(direction));
    const cos = f.v128(load(cosines.add(i)));
    store(to.add(i), f.nmadd(v, sin, u.mul(cos)));
    store(to.add(i).add(halfBytes), f.madd(u, sin, v.mul(cos)));
  });
}
