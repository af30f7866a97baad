/**
 * What the attention kernels are put together from: packed blocks in scratch memory, products of
 * panels of four rows, masks, 2ˣ.
 *
 * A block is 64 rows of one head. Packed, its rows are `paddedSize(D)` floats wide and filled up
 * with zeros, so that no product has a remainder to treat. Which keys a query sees is a range (see
 * `visibleRange`), so every mask is a comparison with its ends.
 *
 * @module
 */
import { type FunctionBuilder, type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { FunctionHandle } from "../../lib/wasm/assembler.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { transposeSquare } from "./square.ts";

/** Queries, and keys, in a block. */
export const BLOCK = 64;
/** Rows in a panel. */
export const PANEL = 4;
/**
 * Stands for the largest score of a row that has none yet: finite, so that differences stay
 * numbers.
 */
export const LOWEST = -1e30;

/** D rounded up to whole pairs of vectors: floats in a packed row. */
export function paddedSize(headSize: number): number {
  return Math.ceil(headSize / 8) * 8;
}

/** `value` rounded up to a multiple of `step`, a power of two. */
export function roundUp(value: I32, step: number): I32 {
  return value.add(step - 1).and(-step);
}

/** Hands out the thread's scratch memory, in whole cache lines. */
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
 * Defines C = A·B, or C += A·B with `accumulate`, for four rows: f(a, b, c, columnBytes, terms),
 * where A is [4, terms], B [terms, columns] and C [4, columns]. Columns come in eights, terms in
 * fours.
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
        const factors = loadFactors(f, pa, aRow, aStep);
        for (let term = 0; term < 4; term++) {
          const pair = [0, 16].map((half) => f.v128(pb.loadV128(term * bRow + half)));
          for (const row of rows) {
            const factor = f.v128(factors(row, term));
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
 * Four rows and four terms of A from four vectors; the element (row, term) comes as a vector of
 * copies.
 */
function loadFactors(
  f: FunctionBuilder,
  a: I32,
  aRow: number,
  aStep: number,
): (row: number, term: number) => V128 {
  const alongRows = aRow === 4;
  const step = alongRows ? aStep : aRow;
  const vectors = [0, 1, 2, 3].map((i) => f.v128(a.loadV128(i * step)));
  return (row, term) => {
    const [vector, lane] = alongRows ? [vectors[term], row] : [vectors[row], term];
    return vector.shuffle(vector, lane, lane, lane, lane);
  };
}

/**
 * Defines the copy of `count` rows of D floats into packed rows, times `factor`: f(source, stride,
 * count, target, factor). `stride` is in bytes; rows up to the next multiple of eight are filled
 * with zeros.
 */
export function definePack(k: KernelBuilder, headSize: number): FunctionHandle {
  const width = paddedSize(headSize);
  return k.define(["i32", "i32", "i32", "i32", "f32"], undefined, (f) => {
    const [source, stride, count, target] = [0, 1, 2, 3].map((i) => f.i32Parameter(i));
    const factor = f.v128(f.f32Parameter(4).splat());
    const to = f.i32(target);
    const from = f.i32(source);
    f.for(0, count, 1, () => {
      if (width > headSize) fillZero(f, to.add(4 * width - 32), 8);
      copyRow(f, from, to, headSize, factor);
      f.set(from, from.add(stride));
      f.set(to, to.add(4 * width));
    });
    const end = f.i32(roundUp(count, 8));
    f.for(count, end, 1, () => {
      fillZero(f, to, width);
      f.set(to, to.add(4 * width));
    });
  });
}

/** Stores zeros to `count` floats, a multiple of four. */
export function fillZero(f: FunctionBuilder, address: I32, count: number): void {
  const at = f.i32(address);
  for (let i = 0; i < count; i += 4) f.storeV128(at, V128.of(0), 4 * i);
}

/** Copies `count` floats, times `factor`, in straight code. */
export function copyRow(
  f: FunctionBuilder,
  from: I32,
  to: I32,
  count: number,
  factor: V128,
): void {
  const whole = count - count % 4;
  for (let i = 0; i < whole; i += 4) f.storeV128(to, from.loadV128(4 * i).mul(factor), 4 * i);
  for (let i = whole; i < count; i++) {
    f.storeF32(to, from.loadF32(4 * i).mul(factor.lane(0)), 4 * i);
  }
}

/**
 * Defines the transpose of packed rows [rows, D] into [D, BLOCK]: f(source, rows, target). Rows
 * come in eights.
 */
export function defineTranspose(k: KernelBuilder, headSize: number): FunctionHandle {
  const width = paddedSize(headSize);
  return k.define(["i32", "i32", "i32"], undefined, (f) => {
    const [source, rows, target] = [0, 1, 2].map((i) => f.i32Parameter(i));
    f.for(0, rows, 4, (row) => {
      const from = f.i32(source.add(row.mul(4 * width)));
      const to = f.i32(target.add(row.shl(2)));
      for (let d = 0; d < width; d += 4) {
        const square = [0, 1, 2, 3].map((i) => f.v128(from.loadV128(4 * (i * width + d))));
        const columns = transposeSquare(f, square);
        columns.forEach((column, i) => f.storeV128(to, column, 4 * BLOCK * (d + i)));
      }
    });
  });
}

/**
 * The keys that the query at position p of the keys sees: max(0, p − behind) … min(end, p + ahead +
 * 1) − 1. Positions may be relative to any key, if `start` and `end` are too.
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

/** `for (address = first; address < stop; address += 16)`, unsigned. */
export function forAddresses(
  f: FunctionBuilder,
  first: I32,
  stop: I32,
  body: (at: I32) => void,
): void {
  const at = f.i32(first);
  f.while(at.ltU(stop), () => {
    body(at);
    f.set(at, at.add(16));
  });
}

/**
 * Sets the scores of a panel's rows in columns from … to − 1 that lie outside each row's low … high
 * − 1 to −∞; `ranges` come in the order of the rows, ends never falling. `from` and `to` are
 * multiples of four.
 */
export function maskPanel(
  f: FunctionBuilder,
  scores: I32,
  columns: { from: I32; to: I32 },
  ranges: readonly { low: I32; high: I32 }[],
): void {
  const lanes = V128.lanes(0, 1, 2, 3);
  const bounds = (values: I32[]) => values.map((value) => f.v128(value.toF32().splat()));
  const hide = (column: I32, hides: (lane: V128, row: number) => V128) => {
    const lane = f.v128(column.toF32().splat().add(lanes));
    const at = f.i32(scores.add(column.shl(2)));
    for (let row = 0; row < PANEL; row++) {
      const hidden = hides(lane, row).bitSelect(V128.of(-Infinity), at.loadV128(row * 4 * BLOCK));
      f.storeV128(at, hidden, row * 4 * BLOCK);
    }
  };
  const before = f.i32(ranges[PANEL - 1].low.minS(columns.to));
  f.if(columns.from.ltS(before), () => {
    const lows = bounds(ranges.map(({ low }) => low));
    f.for(columns.from, before, 4, (column) => hide(column, (lane, row) => lane.lt(lows[row])));
  });
  const after = f.i32(ranges[0].high.and(-4));
  f.set(after, after.maxS(columns.from));
  f.if(after.ltS(columns.to), () => {
    const highs = bounds(ranges.map(({ high }) => high));
    f.for(after, columns.to, 4, (column) => hide(column, (lane, row) => lane.ge(highs[row])));
  });
}

/** One lane for each of four vectors: its four lanes reduced by `combine`. */
export function acrossRows(
  f: FunctionBuilder,
  [a, b, c, d]: readonly V128[],
  combine: (a: V128, b: V128) => V128,
): V128 {
  const pair = (x: V128, y: V128) =>
    f.v128(combine(x.shuffle(y, 0, 4, 1, 5), x.shuffle(y, 2, 6, 3, 7)));
  const [ab, cd] = [pair(a, b), pair(c, d)]; // a b a b, c d c d
  return combine(ab.shuffle(cd, 0, 1, 4, 5), ab.shuffle(cd, 2, 3, 6, 7));
}

/**
 * 2ˣ for x ≤ 1, to 2 ulp; 0 below −126, NaN for NaN. Its constants become locals here: call it
 * before the loop. x = n + r with |r| ≤ ½, 2^r by a polynomial of degree 6 (interpolated at
 * Chebyshev's points), n added to the exponent.
 */
export function powerOfTwo(f: FunctionBuilder): (x: V128) => V128 {
  const constant = (value: number) => f.v128(V128.of(value));
  const rounding = constant(1.5 * 2 ** 23);
  const smallest = constant(-126);
  const coefficients = [
    1.5461444895632573e-4,
    1.3400428177416093e-3,
    9.61805667853236e-3,
    5.550327226670846e-2,
    0.2402265092228873,
    0.6931472067028324,
    1,
  ].map(constant);
  return (input) => {
    const x = f.v128(input);
    const clamped = f.v128(x.pmax(smallest));
    const shifted = f.v128(clamped.add(rounding));
    const r = f.v128(clamped.sub(shifted.sub(rounding)));
    const p = coefficients.reduce((sum, coefficient) => f.madd(sum, r, coefficient));
    return p.addI(shifted.shlI(23)).andNot(x.lt(smallest));
  };
}

/** Multiply-adds that are worth a chunk of their own: about ten microseconds. */
const CHUNK_WORK = 1 << 17;

/** Into how many chunks to cut `tiles` pieces of `work` multiply-adds in all. */
export function chunksOf(tiles: number, work: number): number {
  return Math.max(1, Math.min(tiles, Math.floor(work / CHUNK_WORK)));
}
