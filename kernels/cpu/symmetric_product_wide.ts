/**
 * The products of symmetric_product.ts in tiles of 256-bit vectors (wide_tile.ts); k is a multiple
 * of 8.
 *
 * A chunk computes a square block of `side` rows on or under the diagonal, on it the tiles that
 * reach the diagonal or lie under it. Sums are in f32, in the order of k.
 *
 * @module
 */
import { I32 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel, Scalars } from "../../lib/device/kernel.ts";
import { defineTransposedRows } from "./matmul_pack.ts";
import { rowBytes } from "./matmul_wide.ts";
import { defineFinish, placeOf, tileSymmetric, triangle } from "./symmetric_product.ts";
import { importWide, WIDE_TILE, wideTile } from "./wide_tile.ts";

/**
 * A block's side is a multiple of both sides of a tile, so that no tile reaches into another one.
 */
const GRAIN = 48;
/** Steps of k that are packed at a time. */
const DEPTH = WIDE_TILE.depth;

/** The symmetric product in wide tiles. */
export const symmetricProductWide: CpuKernel = {
  library: () => wideTile,
  tiling: { sizes: ["side"], choose: tileSymmetricWide },
  chunks: ({ m, batch, side }) => batch * triangle(Math.ceil(m / side)),
  scratchBytes: ({ side }, { TRANSPOSE_A }) => TRANSPOSE_A ? side * rowBytes(DEPTH) : 0,
  emit(k) {
    const { f, scratch } = k;
    const { TRANSPOSE_A, TRANSPOSE_B, ADD } = k.constants;
    const { tile, pack } = importWide(k);
    const packA = TRANSPOSE_A ? defineTransposedRows(k) : undefined;
    const finish = defineFinish(k);
    const { m, k: inner, side } = k.integers("m", "k", "side");
    const { batch, row, column } = placeOf(k);
    const height = f.minU(m.sub(row), side);
    const width = f.minU(m.sub(column), side);
    const isDiagonal = f.i32(row.eq(column));
    const step = f.i32(m.inBytes());
    const [aRow, bColumn] = [TRANSPOSE_A ? 1 : inner, TRANSPOSE_B ? inner : 1];
    const aStart = f.i32(k.pointer("a").at(batch.mul(k.integer("strideA"))).at(row.mul(aRow)));
    const bStart = f.i32(
      k.pointer("b").at(batch.mul(k.integer("strideB"))).at(column.mul(bColumn)),
    );
    const aStep = f.i32(TRANSPOSE_A ? rowBytes(DEPTH) : inner.inBytes());
    const bStep = f.i32(TRANSPOSE_B ? inner.inBytes() : step);
    const matrix = f.i32(batch.mul(m).mul(m));
    const c = f.i32(k.pointer("c").at(matrix.add(row.mul(m)).add(column)));
    f.for(0, inner, DEPTH, (k0) => {
      const depth = f.minU(inner.sub(k0), DEPTH);
      const add = f.i32(k0.ne(0));
      if (packA) {
        const rows = { rows: height, target: scratch, targetStep: aStep };
        f.call(packA, { x: aStart.add(k0.mul(step)), xStep: step, depth, ...rows });
      }
      const a = f.i32(packA ? scratch : aStart.add(k0.inBytes()));
      const b = f.i32(bStart.add(TRANSPOSE_B ? k0.inBytes() : k0.mul(bStep)));
      f.for(0, width, WIDE_TILE.columns, (first) => {
        const columns = f.minU(width.sub(first), WIDE_TILE.columns);
        f.call(pack, { x: b.at(first.mul(bColumn)), xStep: bStep, depth, columns });
        // On the diagonal from the rows on that have a number in these columns.
        const top = first.divU(WIDE_TILE.rows).mul(WIDE_TILE.rows);
        f.for(I32.select(isDiagonal, top, 0), height, WIDE_TILE.rows, (from) => {
          const rows = f.minU(height.sub(from), WIDE_TILE.rows);
          const target = { c: c.add(from.mul(step)).at(first), cStep: step };
          f.call(tile, { a: a.add(from.mul(aStep)), aStep, depth, ...target, rows, columns, add });
        });
      });
    });
    const d = f.i32(ADD ? k.pointer("d").at(matrix.add(row.mul(m)).add(column)) : 0);
    const mirror = f.i32(k.pointer("c").at(matrix.add(column.mul(m)).add(row)));
    const factors = k.floats("alpha", "beta", "gamma");
    f.for(0, height, WIDE_TILE.rows, (from) => {
      f.call(finish, {
        c: c.add(from.mul(step)),
        d: ADD ? d.add(from.mul(step)) : 0,
        mirror: mirror.add(from.inBytes()),
        step,
        rows: f.minU(height.sub(from), WIDE_TILE.rows),
        lower: I32.select(isDiagonal, from.and(-4), width),
        last: I32.select(isDiagonal, from, -WIDE_TILE.rows),
        ...factors,
      });
    });
  },
};

function tileSymmetricWide(scalars: Scalars): Scalars {
  const { side } = tileSymmetric(scalars);
  return { side: GRAIN * Math.ceil(side / GRAIN) };
}
