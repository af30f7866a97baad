/**
 * A step of a batch of matrices: parameter ← decay·parameter − rate·scale·factor[first + i]·update
 * for matrix i.
 *
 * parameter: `batch` matrices of `size` elements, `stride` elements apart; update: [batch,size];
 * factors: one for each matrix of a larger batch; hyper: [3] = μ, rate, decay; all f32. A chunk
 * updates 8,192 elements of one matrix.
 *
 * @module
 */
import type { CpuKernel } from "../../lib/device/kernel.ts";
import { mapVectors } from "./rows.ts";
import { CHUNK } from "./unary.ts";

export const scaledStep: CpuKernel = {
  chunks: ({ batch, size }) => batch * Math.ceil(size / CHUNK),
  emit(k) {
    const { f } = k;
    const { size, stride } = k.integers("size", "stride");
    const shares = f.i32(size.add(CHUNK - 1).divU(CHUNK));
    const [matrix, share] = f.unravel(k.chunk, shares);
    const start = f.i32(share.mul(CHUNK));
    const count = f.minU(size.sub(start), CHUNK);
    const parameter = f.i32(k.pointer("parameter").at(matrix.mul(stride).add(start)));
    const update = f.i32(k.pointer("update").at(matrix.mul(size).add(start)));
    const hyper = k.pointer("hyper");
    const factor = k.pointer("factors").at(k.integer("first").add(matrix)).loadF32();
    const step = f.v128(hyper.loadF32(4).mul(k.float("scale")).mul(factor).splat());
    const decay = f.v128(hyper.loadSplat(8));
    mapVectors(f, count, [parameter, update], parameter, (value, move) => {
      return f.nmadd(move, step, value.mul(decay));
    });
  },
};
