/**
 * Building blocks of the attention kernels: packed blocks in scratch memory, and products of panels
 * of four rows.
 *
 * A block is 64 rows of one head. Packed, its rows are `paddedSize(D)` floats wide, padded with
 * zeros, so that no product has a remainder. attention_mask.ts hides scores.
 *
 * @module
 */
import {
  type FunctionBuilder,
  type FunctionHandle,
  type I32,
  V128,
} from "../../lib/wasm/assembler.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { allLanes, transposeSquare } from "./square.ts";

/** Queries, and keys, in a block. */
export const BLOCK = 64;
/** Rows in a panel. */
export const PANEL = 4;
/** The rows of a panel. */
export const ROWS = [0, 1, 2, 3] as const;
/** The maximum of a row that has no score yet: finite, so that differences stay numbers. */
export const LOWEST = -1e30;

/** D rounded up to whole pairs of vectors: floats in a packed row. */
export function paddedSize(headSize: number): number {
  return Math.ceil(headSize / 8) * 8;
}

/** `value` rounded up to a multiple of `step`, a power of two. */
export function roundUp(value: I32, step: number): I32 {
  return value.add(step - 1).and(-step);
}

/** Divides the thread's scratch memory into areas, in whole cache lines. */
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

const PRODUCT = {
  /** A [4, terms], B [terms, columns] and C [4, columns]. */
  a: "i32",
  b: "i32",
  c: "i32",
  /** Bytes of a row of C, a multiple of 32. */
  columnBytes: "i32",
  /** A multiple of four. */
  terms: "i32",
} as const;

/** Defines C = A·B, or C += A·B with `accumulate`, for four rows. */
export function definePanel(
  k: KernelBuilder,
  { aRow, aStep, bRow, cRow }: PanelStrides,
  accumulate: boolean,
): FunctionHandle<typeof PRODUCT> {
  return k.define(PRODUCT, (f, { a, b, c, columnBytes, terms }) => {
    f.for(0, columnBytes, 32, (column) => {
      const target = f.i32(c.add(column));
      const sums = ROWS.map((row) =>
        [0, 16].map((half) => f.v128(accumulate ? target.loadV128(row * cRow + half) : V128.of(0)))
      );
      const [pa, pb] = [f.i32(a), f.i32(b.add(column))];
      f.for(0, terms, 4, () => {
        const factors = loadFactors(f, pa, aRow, aStep);
        for (let term = 0; term < 4; term++) {
          const pair = [0, 16].map((half) => f.v128(pb.loadV128(term * bRow + half)));
          for (const row of ROWS) {
            const factor = f.v128(factors(row, term));
            pair.forEach((values, half) => {
              f.set(sums[row][half], f.madd(factor, values, sums[row][half]));
            });
          }
        }
        f.set(pa, pa.add(4 * aStep));
        f.set(pb, pb.add(4 * bRow));
      });
      for (const row of ROWS) {
        [0, 16].forEach((at, half) => f.storeV128(target, sums[row][half], row * cRow + at));
      }
    });
  });
}

/** Four rows and four terms of A from four vectors: the element (row, term) in all lanes. */
function loadFactors(
  f: FunctionBuilder,
  a: I32,
  aRow: number,
  aStep: number,
): (row: number, term: number) => V128 {
  const alongRows = aRow === 4;
  const step = alongRows ? aStep : aRow;
  const vectors = ROWS.map((i) => f.v128(a.loadV128(i * step)));
  return (row, term) => {
    const [vector, lane] = alongRows ? [vectors[term], row] : [vectors[row], term];
    return allLanes(vector, lane);
  };
}

const PACK = { source: "i32", stride: "i32", count: "i32", target: "i32", factor: "f32" } as const;

/**
 * Defines the copy of `count` rows of D floats, `stride` bytes apart, into packed rows, times
 * `factor`; rows up to the next multiple of eight are zeros.
 */
export function definePack(
  k: KernelBuilder,
  headSize: number,
): FunctionHandle<typeof PACK> {
  const width = paddedSize(headSize);
  return k.define(PACK, (f, { source, stride, count, target, factor }) => {
    const factors = f.v128(factor.splat());
    f.for(0, count, 1, () => {
      if (width > headSize) fillZero(f, target.add(4 * width - 32), 8);
      copyRow(f, source, target, headSize, factors);
      f.set(source, source.add(stride));
      f.set(target, target.add(4 * width));
    });
    f.for(count, roundUp(count, 8), 1, () => {
      fillZero(f, target, width);
      f.set(target, target.add(4 * width));
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

const TRANSPOSE = { source: "i32", rows: "i32", target: "i32" } as const;

/** Defines the transpose of packed rows [rows, D], `rows` a multiple of eight, into [D, BLOCK]. */
export function defineTranspose(
  k: KernelBuilder,
  headSize: number,
): FunctionHandle<typeof TRANSPOSE> {
  const width = paddedSize(headSize);
  return k.define(TRANSPOSE, (f, { source, rows, target }) => {
    f.for(0, rows, 4, (row) => {
      const from = f.i32(source.add(row.mul(4 * width)));
      const to = f.i32(target.at(row));
      for (let d = 0; d < width; d += 4) {
        const square = ROWS.map((i) => f.v128(from.loadV128(4 * (i * width + d))));
        const columns = transposeSquare(f, square);
        columns.forEach((column, i) => f.storeV128(to, column, 4 * BLOCK * (d + i)));
      }
    });
  });
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

/** Multiply-adds that are worth a separate chunk: about ten microseconds. */
const CHUNK_WORK = 1 << 17;

/** Number of chunks for `tiles` that have `work` multiply-adds together. */
export function chunksOf(tiles: number, work: number): number {
  return Math.max(1, Math.min(tiles, Math.floor(work / CHUNK_WORK)));
}
