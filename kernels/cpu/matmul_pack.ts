/**
 * Packing of a matmul's operands into a thread's scratch memory: a block of B as panels of 8
 * columns, each [depth, 8], and a block of a transposed A as panels of 6, or as rows of Aᵀ.
 *
 * Columns of the last panel beyond the block are not written: their products are never stored.
 *
 * @module
 */
import type { FunctionBuilder, FunctionHandle, ParametersOf } from "../../lib/wasm/assembler.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { transposeSquare } from "./square.ts";

const PARAMETERS = {
  /** The block's first element. */
  x: "i32",
  /** Bytes from one k to the next, or from one column to the next if x is transposed. */
  xStep: "i32",
  /** Steps of k, and columns, to pack. */
  depth: "i32",
  columns: "i32",
  /** The first panel, and the bytes from one to the next. */
  panels: "i32",
  panelBytes: "i32",
} as const;

type Locals = ParametersOf<typeof PARAMETERS>;

/**
 * Defines the packing of x, [k, columns] or with `transposed` [columns, k], into panels of `width`
 * columns: 6 or 8, 8 if x is transposed.
 */
export function definePack(
  k: KernelBuilder,
  width: 6 | 8,
  transposed: boolean,
): FunctionHandle<typeof PARAMETERS> {
  return k.define(PARAMETERS, (f, locals) => {
    if (transposed) emitTransposed(f, locals);
    else emitCopy(f, width, locals);
  });
}

/** Rows copied together, so that several reads from memory are in flight. */
const TOGETHER = 4;

function emitCopy(f: FunctionBuilder, width: 6 | 8, locals: Locals): void {
  const { x, xStep, depth, columns, panels, panelBytes } = locals;
  const wholeBytes = f.i32(columns.divU(width).mul(4 * width));
  const bytes = f.i32(columns.inBytes());
  const copyRows = (count: number) => {
    const rows = [f.i32(x)];
    for (let i = 1; i < count; i++) rows.push(f.i32(rows[i - 1].add(xStep)));
    const to = f.i32(panels);
    const end = f.i32(x.add(wholeBytes));
    const two = [f.v128(), f.v128()];
    const second = 4 * (width - 4); // if the width is 6, a row's second vector overlaps its first
    f.while(rows[0].ltU(end), () => {
      rows.forEach((row, i) => {
        f.set(two[0], row.loadV128());
        f.set(two[1], row.loadV128(second));
        f.storeV128(to, two[0], 4 * width * i);
        f.storeV128(to, two[1], 4 * width * i + second);
        f.set(row, row.add(4 * width));
      });
      f.set(to, to.add(panelBytes));
    });
    f.set(end, x.add(bytes));
    f.while(rows[0].ltU(end), () => {
      rows.forEach((row, i) => {
        f.storeF32(to, row.loadF32(), 4 * width * i);
        f.set(row, row.add(4));
      });
      f.set(to, to.add(4));
    });
    f.set(x, x.add(xStep.mul(count)));
    f.set(panels, panels.add(4 * width * count));
  };
  f.for(0, depth.divU(TOGETHER), 1, () => copyRows(TOGETHER));
  f.for(0, depth.remU(TOGETHER), 1, () => copyRows(1));
}

function emitTransposed(f: FunctionBuilder, locals: Locals): void {
  const { x, xStep, depth, columns, panels, panelBytes } = locals;
  const left = f.i32(columns);
  const lastColumn = f.i32(xStep.mul(columns.sub(1)).add(x)); // those beyond it repeat it
  f.while(left.gtS(0), () => {
    const column = [f.i32(x)];
    for (let j = 1; j < 8; j++) column.push(f.minU(column[j - 1].add(xStep), lastColumn));
    const to = f.i32(panels);
    const end = f.i32(panels.add(depth.and(-4).mul(32)));
    const advance = (count: number) => {
      for (const pointer of column) f.set(pointer, pointer.add(4 * count));
      f.set(to, to.add(32 * count));
    };
    f.while(to.ltU(end), () => {
      for (const half of [0, 1]) {
        const four = column.slice(4 * half, 4 * half + 4).map((p) => f.v128(p.loadV128()));
        transposeSquare(f, four).forEach((row, u) => f.storeV128(to, row, 32 * u + 16 * half));
      }
      advance(4);
    });
    f.set(end, panels.add(depth.mul(32)));
    f.while(to.ltU(end), () => {
      column.forEach((pointer, j) => f.storeF32(to, pointer.loadF32(), 4 * j));
      advance(1);
    });
    f.set(x, x.add(xStep.mul(8)));
    f.set(panels, panels.add(panelBytes));
    f.set(left, left.sub(8));
  });
}

const ROWS_OF_TRANSPOSED = {
  /** The first element of x [depth, rows], and bytes from one k to the next. */
  x: "i32",
  xStep: "i32",
  /** A multiple of 4, and the rows of xᵀ. */
  depth: "i32",
  rows: "i32",
  /** The first row of xᵀ, and bytes from one to the next. */
  target: "i32",
  targetStep: "i32",
} as const;

/** Defines the copy of xᵀ, row by row. */
export function defineTransposedRows(
  k: KernelBuilder,
): FunctionHandle<typeof ROWS_OF_TRANSPOSED> {
  return k.define(ROWS_OF_TRANSPOSED, (f, { x, xStep, depth, rows, target, targetStep }) => {
    // Four rows of x at a time, from their first column to their last: x may be far apart.
    const next = f.i32(targetStep.shl(2));
    f.for(0, depth, 4, () => {
      const from = [f.i32(x)];
      for (let i = 1; i < 4; i++) from.push(f.i32(from[i - 1].add(xStep)));
      const to = [f.i32(target)];
      for (let i = 1; i < 4; i++) to.push(f.i32(to[i - 1].add(targetStep)));
      const left = f.i32(rows);
      f.while(left.geS(4), () => {
        const four = from.map((row) => f.v128(row.loadV128()));
        transposeSquare(f, four).forEach((column, i) => f.storeV128(to[i], column));
        for (const row of from) f.set(row, row.add(16));
        for (const row of to) f.set(row, row.add(next));
        f.set(left, left.sub(4));
      });
      f.while(left, () => {
        from.forEach((row, i) => f.storeF32(to[0], row.loadF32(), 4 * i));
        for (const row of from) f.set(row, row.add(4));
        f.set(to[0], to[0].add(targetStep));
        f.set(left, left.sub(1));
      });
      f.set(x, x.add(xStep.shl(2)));
      f.set(target, target.add(16));
    });
  });
}
