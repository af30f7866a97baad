/**
 * Packing: a block of B as panels of 8 columns, each [depth, 8], and a block of a transposed A as
 * panels of 6, in a thread's scratch.
 *
 * Columns of the last panel beyond the block are left as they are: what they give is never stored.
 *
 * @module
 */
import type { FunctionBuilder, FunctionHandle } from "../../lib/wasm/assembler.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { transposeSquare } from "./square.ts";

/**
 * Defines `pack(x, xStep, depth, columns, panels, panelBytes)`: steps and sizes in bytes but for
 * depth and columns, which count.
 *
 * `x` points at the block's first element: x is [k, columns] with `xStep` from one k to the next,
 * or with `transposed` [columns, k] with `xStep` from one column to the next. A panel has `width`
 * columns, 6 or 8; 8 where x is transposed.
 */
export function definePack(k: KernelBuilder, width: 6 | 8, transposed: boolean): FunctionHandle {
  const emit = transposed ? emitTransposed : (f: FunctionBuilder) => emitCopy(f, width);
  return k.define(Array(6).fill("i32"), undefined, emit);
}

const parameters = (f: FunctionBuilder) => [0, 1, 2, 3, 4, 5].map((i) => f.i32Parameter(i));

/** Rows copied side by side, so that several reads from memory are on their way at once. */
const TOGETHER = 4;

function emitCopy(f: FunctionBuilder, width: 6 | 8): void {
  const [x, xStep, depth, columns, panels, panelBytes] = parameters(f);
  const wholeBytes = f.i32(columns.divU(width).mul(4 * width));
  const bytes = f.i32(columns.shl(2));
  const copyRows = (count: number) => {
    const rows = Array.from({ length: count }, () => f.i32());
    f.set(rows[0], x);
    for (let i = 1; i < count; i++) f.set(rows[i], rows[i - 1].add(xStep));
    const to = f.i32(panels);
    const end = f.i32(x.add(wholeBytes));
    const two = [f.v128(), f.v128()];
    const second = 4 * (width - 4); // the second vector of a row overlaps the first where the width is 6
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
  f.for(0, f.i32(depth.divU(TOGETHER)), 1, () => copyRows(TOGETHER));
  f.for(0, f.i32(depth.remU(TOGETHER)), 1, () => copyRows(1));
}

function emitTransposed(f: FunctionBuilder): void {
  const [x, xStep, depth, columns, panels, panelBytes] = parameters(f);
  const left = f.i32(columns);
  const lastStep = f.i32(xStep.mul(columns.sub(1)).add(x)); // the last column: others repeat it
  f.while(left.gtS(0), () => {
    const column = Array.from({ length: 8 }, () => f.i32());
    f.set(column[0], x);
    for (let j = 1; j < 8; j++) {
      f.set(column[j], column[j - 1].add(xStep));
      f.set(column[j], column[j].minU(lastStep));
    }
    const to = f.i32(panels);
    const end = f.i32(panels.add(depth.and(-4).shl(5)));
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
    f.set(end, panels.add(depth.shl(5)));
    f.while(to.ltU(end), () => {
      column.forEach((pointer, j) => f.storeF32(to, pointer.loadF32(), 4 * j));
      advance(1);
    });
    f.set(x, x.add(xStep.shl(3)));
    f.set(panels, panels.add(panelBytes));
    f.set(left, left.sub(8));
  });
}
