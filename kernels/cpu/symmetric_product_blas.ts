/**
 * The products of symmetric_product.ts by a system BLAS's `sgemm`.
 *
 * A chunk computes a square block of `side` rows on or under the diagonal: a block on the diagonal
 * in strips of 32 rows, each as far as the diagonal, another one with one call. Sums are in the
 * library's order.
 *
 * @module
 */
import { I32 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { SGEMM } from "./matmul_blas.ts";
import { defineFinish, placeOf, tileSymmetric, triangle } from "./symmetric_product.ts";

/** Rows of a call on the diagonal, and of those that are finished together. */
const STRIP = 32, FINISHED = 8;

/** The symmetric product by the library. */
export const symmetricProductBlas: CpuKernel = {
  tiling: { sizes: ["side"], choose: (scalars) => ({ side: tileSymmetric(scalars).side }) },
  chunks: ({ m, batch, side }) => batch * triangle(Math.ceil(m / side)),
  emit(k) {
    const { f } = k;
    const sgemm = k.import("sgemm", SGEMM);
    const finish = defineFinish(k);
    const { TRANSPOSE_A, TRANSPOSE_B, ADD } = k.constants;
    const { m, k: inner, side } = k.integers("m", "k", "side");
    const { batch, row, column } = placeOf(k);
    const height = f.minU(m.sub(row), side);
    const isDiagonal = f.i32(row.eq(column));
    const strip = f.i32(I32.select(isDiagonal, STRIP, side));
    const [aRow, bColumn] = [TRANSPOSE_A ? 1 : inner, TRANSPOSE_B ? inner : 1];
    const a = f.i32(k.pointer("a").at(batch.mul(k.integer("strideA"))).at(row.mul(aRow)));
    const b = f.i32(k.pointer("b").at(batch.mul(k.integer("strideB"))).at(column.mul(bColumn)));
    const matrix = f.i32(batch.mul(m).mul(m));
    const place = f.i32(matrix.add(row.mul(m)).add(column).inBytes());
    const c = f.i32(k.pointer("c").add(place));
    const d = f.i32(ADD ? k.pointer("d").add(place) : 0);
    const mirror = f.i32(k.pointer("c").add(matrix.add(column.mul(m)).add(row).inBytes()));
    const factors = k.floats("alpha", "beta", "gamma");
    const step = f.i32(m.inBytes());
    f.for(0, height, strip, (first) => {
      const rows = f.minU(height.sub(first), strip);
      const width = f.i32(I32.select(isDiagonal, first.add(rows), f.minU(m.sub(column), side)));
      f.call(sgemm, {
        transposeA: TRANSPOSE_A,
        transposeB: TRANSPOSE_B,
        m: rows,
        n: width,
        k: inner,
        a: a.at(first.mul(aRow)),
        lda: TRANSPOSE_A ? m : inner,
        b,
        ldb: TRANSPOSE_B ? inner : m,
        c: c.add(first.mul(step)),
        ldc: m,
      });
      f.for(first, first.add(rows), FINISHED, (from) => {
        f.call(finish, {
          c: c.add(from.mul(step)),
          d: ADD ? d.add(from.mul(step)) : 0,
          mirror: mirror.add(from.inBytes()),
          step,
          rows: f.minU(first.add(rows).sub(from), FINISHED),
          lower: I32.select(isDiagonal, from.and(-4), width),
          last: I32.select(isDiagonal, from, -FINISHED),
          ...factors,
        });
      });
    });
  },
};
