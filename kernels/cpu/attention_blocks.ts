/**
 * What the attention kernels are put together from: packed blocks in scratch memory, products of panels of four rows, masks, 2ˣ.
 *
 * A block is 64 rows of one head. Packed, its rows are `paddedSize(D)` floats wide and filled up with zeros, so that no product has a
 * remainder to treat. Which keys a query sees is a range (see `visibleRange`), so every mask is a comparison with its ends.
 *
 * @module
 */
import { type FunctionBuilder, type I32, V128 } from "../../lib/device/cpu/assembler.ts";
import type { FunctionHandle } from "../../lib/device/cpu/assembler.ts";
import type { KernelBuilder } from "../../lib/device/kernel.ts";
import { forVectors } from "./rows.ts";

/** Queries, and keys, in a block. */
export const BLOCK = 64;
/** Rows in a panel. */
export const PANEL = 4;
/** Stands for the largest score of a row that has none yet: finite, so that differences stay numbers. */
export const LOWEST = -1e30;

/** D rounded up to whole pairs of vectors: floats in a packed row. */
export function paddedSize(headSize: number): number {
  return Math.ceil(headSize / 8) * 8;
}

/** `value` rounded up to a multiple of `step`, a power of two. */
export function roundUp(value: I32, step: number): I32 {
  return value.add(step - 1).and(-step);
}

/** Hands out scratch memory from `start` on, in whole cache lines. */
export function scratchAreas(k: KernelBuilder): { take(floats: number): I32 } {
  let offset = 0;
  return {
    take(floats) {
      const area = k.f.i32(k.scratch.add(offset));
      offset += Math.ceil(floats / 16) * 64;
      return area;
    },
  };
}

/** Strides of a panel's product, in bytes. */
export interface PanelStrides {
  /** From one row of A to the next, and from one term of the sum to the next. */
  readonly aRow: number;
  readonly aStep: number;
  /** From one row of B to the next. */
  readonly bRow: number;
  /** From one row of C to the next. */
  readonly cRow: number;
}

/**
 * Defines C = A·B, or C += A·B with `accumulate`, for four rows: f(a, b, c, columnBytes, terms), where A is [4, terms], B [terms, columns]
 * and C [4, columns]. Columns come in eights, terms in fours.
 */
export function definePanel(
  k: KernelBuilder,
  { aRow, aStep, bRow, cRow }: PanelStrides,
  accumulate: boolean,
): FunctionHandle {
  return k.define(["i32", "i32", "i32", "i32", "i32"], undefined, (f) => {
    const [a, b, c, columnBytes, terms] = [0, 1, 2, 3, 4].map((i) => f.i32Parameter(i));
    const rows = Array.from({ length: PANEL }, (_, row) => row);
    f.for(0, columnBytes, 32, (column) => {
      const target = f.i32(c.add(column));
      const sums = rows.map((row) =>
        [0, 16].map((half) => f.v128(accumulate ? target.loadV128(row * cRow + half) : V128.of(0)))
      );
      const [pa, pb] = [f.i32(a), f.i32(b.add(column))];
      f.for(0, terms, 4, () => {
        for (let term = 0; term < 4; term++) {
          const pair = [0, 16].map((half) => f.v128(pb.loadV128(term * bRow + half)));
          for (const row of rows) {
            const factor = f.v128(pa.loadSplat(row * aRow + term * aStep));
            pair.forEach((values, half) => {
              f.set(sums[row][half], f.madd(factor, values, sums[row][half]));
            });
          }
        }
        f.set(pa, pa.add(4 * aStep));
        f.set(pb, pb.add(4 * bRow));
      });
      for (const row of rows) {
        [0, 16].forEach((at, half) => f.storeV128(target, sums[row][half], row * cRow + at));
      }
    });
  });
}

/**
 * Defines the copy of `count` rows of D floats into packed rows, times `factor`: f(source, stride, count, target, factor). `stride` is
 * in bytes; rows up to the next multiple of eight are filled with zeros.
 */
export function definePack(k: KernelBuilder, headSize: number): FunctionHandle {
  const width = paddedSize(headSize);
  return k.define(["i32", "i32", "i32", "i32", "f32"], undefined, (f) => {
    const [source, stride, count, target] = [0, 1, 2, 3].map((i) => f.i32Parameter(i));
    const factor = f.v128(f.f32Parameter(4).splat());
    const to = f.i32(target);
    const from = f.i32(source);
    const zero = V128.of(0);
    f.for(0, count, 1, () => {
      if (width > headSize) [32, 16].forEach((end) => f.storeV128(to, zero, 4 * width - end));
      forVectors(
        f,
        headSize,
        (i) => f.storeV128(to.add(i), from.add(i).loadV128().mul(factor)),
        (i) => f.storeF32(to.add(i), from.add(i).loadF32().mul(factor.lane(0))),
      );
      f.set(from, from.add(stride));
      f.set(to, to.add(4 * width));
    });
    const end = f.i32(roundUp(count, 8));
    f.for(count, end, 1, () => {
      for (let i = 0; i < width; i += 4) f.storeV128(to, zero, 4 * i);
      f.set(to, to.add(4 * width));
    });
  });
}

/** Defines the transpose of packed rows [rows, D] into [D, BLOCK]: f(source, rows, target). Rows come in eights. */
export function defineTranspose(k: KernelBuilder, headSize: number): FunctionHandle {
  const width = paddedSize(headSize);
  return k.define(["i32", "i32", "i32"], undefined, (f) => {
    const [source, rows, target] = [0, 1, 2].map((i) => f.i32Parameter(i));
    f.for(0, rows, 4, (row) => {
      const from = f.i32(source.add(row.mul(4 * width)));
      const to = f.i32(target.add(row.shl(2)));
      for (let d = 0; d < width; d += 4) {
        const [w, x, y, z] = [0, 1, 2, 3].map((i) => f.v128(from.loadV128(4 * (i * width + d))));
        const [low, high] = [f.v128(w.shuffle(x, 0, 4, 1, 5)), f.v128(w.shuffle(x, 2, 6, 3, 7))];
        const [low2, high2] = [f.v128(y.shuffle(z, 0, 4, 1, 5)), f.v128(y.shuffle(z, 2, 6, 3, 7))];
        const columns = [
          low.shuffle(low2, 0, 1, 4, 5),
          low.shuffle(low2, 2, 3, 6, 7),
          high.shuffle(high2, 0, 1, 4, 5),
          high.shuffle(high2, 2, 3, 6, 7),
        ];
        columns.forEach((column, i) => f.storeV128(to, column, 4 * BLOCK * (d + i)));
      }
    });
  });
}

/**
 * The keys that the query at position p of the keys sees: max(0, p − behind) … min(end, p + ahead + 1) − 1. Positions may be relative to
 * any key, if `start` and `end` are too.
 */
export function visibleRange(
  f: FunctionBuilder,
  position: I32,
  { behind, ahead, start, end }: { behind: I32; ahead: I32; start: I32; end: I32 },
): { low: I32; high: I32 } {
  const low = f.i32(position.sub(behind));
  const high = f.i32(position.add(ahead).add(1));
  f.set(low, low.maxS(start));
  f.set(high, high.minS(end));
  return { low, high };
}

/** Sets the scores in columns from … to − 1 that lie outside low … high − 1 to −∞. `from` and `to` are multiples of four. */
export function maskRow(
  f: FunctionBuilder,
  row: I32,
  columns: { from: I32; to: I32 },
  { low, high }: { low: I32; high: I32 },
): void {
  const lanes = (column: I32) => column.splat().toF().add(V128.lanes(0, 1, 2, 3));
  const hide = (column: I32, hidden: V128) => {
    const at = f.i32(row.add(column.shl(2)));
    f.storeV128(at, hidden.bitSelect(V128.of(-Infinity), at.loadV128()));
  };
  const first = f.v128(low.splat().toF());
  const last = f.v128(high.splat().toF());
  const beforeEnd = f.i32(low.minS(columns.to));
  f.for(columns.from, beforeEnd, 4, (column) => hide(column, lanes(column).lt(first)));
  const after = f.i32(high.and(-4));
  f.set(after, after.maxS(columns.from));
  f.for(after, columns.to, 4, (column) => hide(column, lanes(column).ge(last)));
}

/**
 * 2ˣ for x ≤ 1, to 2 ulp; 0 below −126, NaN for NaN.
 * x = n + r with |r| ≤ ½, 2^r by a polynomial of degree 6 (interpolated at Chebyshev's points), n added to the exponent.
 */
export function powerOfTwo(f: FunctionBuilder, input: V128): V128 {
  const c = (value: number) => V128.of(value);
  const rounding = c(1.5 * 2 ** 23);
  const x = f.v128(input);
  const clamped = f.v128(x.pmax(c(-126)));
  const shifted = f.v128(clamped.add(rounding));
  const r = f.v128(clamped.sub(shifted.sub(rounding)));
  let p = c(1.5461444895632573e-4);
  const coefficients = [
    1.3400428177416093e-3,
    9.61805667853236e-3,
    5.550327226670846e-2,
    0.2402265092228873,
    0.6931472067028324,
    1,
  ];
  for (const a of coefficients) p = f.madd(p, r, c(a));
  const scaled = p.addI(shifted.shlI(23));
  return scaled.andNot(x.lt(c(-126)));
}
