/**
 * y[yStart + Σ iₐ·yₐ] ← x[xStart + Σ iₐ·xₐ] for all i in a box of up to six axes, axis 0 the
 * innermost: slices, concatenation, transposition. x, y: 32-bit words.
 *
 * Scalars: `n0…n5` lengths, `x0…x5` and `y0…y5` steps in words. `ADD` 1: y gets the sum, in f32, of
 * its value and x. `ZERO` 1: y gets zeros and x is not read. `RANK`: axes in use. `UNIT` 1: x0 = y0
 * = 1. `TILE` 1: x1 = y0 = 1, a transposition. An item is a block of `block` words of axis 0 (of 16
 * rows of axis 1 in a transposition); a chunk computes `group` of the `items`.
 *
 * @module
 */
import { type I32, V128 } from "../../lib/wasm/assembler.ts";
import type { CpuKernel } from "../../lib/device/kernel.ts";
import type { KernelBuilder } from "../../lib/device/kernel_builder.ts";
import { mapVectors } from "./rows.ts";
import { transposeSquare } from "./square.ts";

/** Rows of an item in a transposition: a cache line of x. */
export const BAND = 16;

export const stridedCopy: CpuKernel = {
  chunks: ({ items, group }) => Math.ceil(items / group),
  emit(k) {
    if (k.constants.TILE) emitTiles(k);
    else emitRows(k);
  },
};

/** An axis of items: its length, and its strides in x and in y, in bytes. */
interface Axis {
  readonly length: I32;
  readonly x: I32;
  readonly y: I32;
}

function axis(k: KernelBuilder, n: number): Axis {
  const { f } = k;
  const [x, y] = [f.i32(k.integer(`x${n}`).inBytes()), f.i32(k.integer(`y${n}`).inBytes())];
  return { length: k.integer(`n${n}`), x, y };
}

/** The axis divided into blocks, the last one perhaps shorter. */
function blocked({ f }: KernelBuilder, { length, x, y }: Axis, block: I32 | number): Axis {
  const blocks = f.i32(length.add(block).sub(1).divU(block));
  return { length: blocks, x: f.i32(x.mul(block)), y: f.i32(y.mul(block)) };
}

/**
 * Calls `body` for this chunk's items, a range of a box of `axes` (innermost first), with the
 * addresses in x and y and the index along each axis.
 */
function forItems(
  k: KernelBuilder,
  axes: readonly Axis[],
  body: (from: I32, to: I32, indices: readonly I32[]) => void,
): void {
  const { f } = k;
  const from = f.i32(k.pointer("x").at(k.integer("xStart")));
  const to = f.i32(k.pointer("y").at(k.integer("yStart")));
  const { start, end } = k.share(k.integer("items"), k.integer("group"));
  const lengths = axes.slice(0, -1).map(({ length }) => length);
  const indices = f.unravel(start, ...lengths.toReversed()).toReversed();
  axes.forEach(({ x, y }, i) => {
    f.set(from, from.add(indices[i].mul(x)));
    f.set(to, to.add(indices[i].mul(y)));
  });
  const advance = (i: number) => {
    const { length, x, y } = axes[i];
    f.set(from, from.add(x));
    f.set(to, to.add(y));
    f.set(indices[i], indices[i].add(1));
    if (i === axes.length - 1) return;
    f.if(indices[i].eq(length), () => {
      f.set(indices[i], 0);
      f.set(from, from.sub(length.mul(x)));
      f.set(to, to.sub(length.mul(y)));
      advance(i + 1);
    });
  };
  f.for(start, end, 1, () => {
    body(from, to, indices);
    advance(0);
  });
}

function axesFrom(k: KernelBuilder, first: number): Axis[] {
  const axes: Axis[] = [];
  for (let n = first; n < k.constants.RANK; n++) axes.push(axis(k, n));
  return axes;
}

/** Number of words of the block `index` that are within the axis. */
function within({ f }: KernelBuilder, length: I32, index: I32, block: I32 | number): I32 {
  return f.minU(length.sub(index.mul(block)), block);
}

/** An item is a block of a row along axis 0. */
function emitRows(k: KernelBuilder): void {
  const { f } = k;
  const block = k.integer("block");
  const row = axis(k, 0);
  const axes = [blocked(k, row, block), ...axesFrom(k, 1)];
  forItems(k, axes, (from, to, [index]) => {
    const elements = within(k, row.length, index, block);
    if (k.constants.UNIT) {
      const { ADD, ZERO } = k.constants;
      const inputs = ZERO ? [] : ADD ? [from, to] : [from];
      mapVectors(f, elements, inputs, to, (...[a, b]) => b ? a.add(b) : a ?? V128.of(0));
      return;
    }
    const [a, b] = [f.i32(from), f.i32(to)];
    f.for(0, elements, 1, () => {
      storeWord(k, a, b);
      f.set(a, a.add(row.x));
      f.set(b, b.add(row.y));
    });
  });
}

function storeWord({ f, constants }: KernelBuilder, from: I32, to: I32): void {
  if (constants.ADD) f.storeF32(to, from.loadF32().add(to.loadF32()));
  else f.storeI32(to, constants.ZERO ? 0 : from.loadI32());
}

/**
 * An item is `BAND` rows, along axis 1, of a block of columns, along axis 0: squares of four by
 * four, and the rest one word at a time.
 */
function emitTiles(k: KernelBuilder): void {
  const { f } = k;
  const block = k.integer("block");
  const [column, row] = [axis(k, 0), axis(k, 1)];
  const axes = [blocked(k, column, block), blocked(k, row, BAND), ...axesFrom(k, 2)];
  forItems(k, axes, (from, to, [blockIndex, bandIndex]) => {
    const width = within(k, column.length, blockIndex, block);
    const height = within(k, row.length, bandIndex, BAND);
    const [wholeColumns, wholeRows] = [f.i32(width.and(-4)), f.i32(height.and(-4))];
    const place = (r: I32, c: I32) => [
      f.i32(from.add(c.mul(column.x)).at(r)),
      f.i32(to.add(r.mul(row.y)).at(c)),
    ];
    const word = (r: I32, c: I32) => {
      const [a, b] = place(r, c);
      storeWord(k, a, b);
    };
    f.for(0, wholeColumns, 4, (c) => {
      f.for(0, wholeRows, 4, (r) => {
        const [a, b] = place(r, c);
        storeSquare(k, { from: a, xStep: column.x, to: b, yStep: row.y });
      });
      f.for(wholeRows, height, 1, (r) => f.for(c, c.add(4), 1, (one) => word(r, one)));
    });
    f.for(wholeColumns, width, 1, (c) => f.for(0, height, 1, (r) => word(r, c)));
  });
}

interface Square {
  readonly from: I32;
  readonly xStep: I32;
  readonly to: I32;
  readonly yStep: I32;
}

/** Four columns of x become four rows of y. */
function storeSquare(k: KernelBuilder, { from, xStep, to, yStep }: Square): void {
  const { f } = k;
  const columns = [0, 1, 2, 3].map(() => {
    const column = f.v128(from.loadV128());
    f.set(from, from.add(xStep));
    return column;
  });
  for (const row of transposeSquare(f, columns)) {
    f.storeV128(to, k.constants.ADD ? row.add(to.loadV128()) : row);
    f.set(to, to.add(yStep));
  }
}
