/**
 * A copy of a box of elements with strides for each axis; transpose, slice and concatenate consist
 * of such copies.
 *
 * It orders and joins the axes so that neighbors are written together; the operations have the
 * derivatives.
 *
 * @module
 */
import { BAND, stridedCopy as cpu } from "../../kernels/cpu/strided_copy.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { formatShape, type Shape, size } from "../shape.ts";
import { launch } from "../tensor/launch.ts";
import type { Tensor } from "../tensor/tensor.ts";

const AXES = [0, 1, 2, 3, 4, 5];
const NAMES = [
  ...["count", "items", "group", "block", "xStart", "yStart"],
  ...["n", "x", "y"].flatMap((letter) => AXES.map((axis) => `${letter}${axis}`)),
];

const KERNEL: Kernel = {
  name: "strided_copy",
  reads: { x: "u32" },
  updates: { y: "u32" },
  scalars: Object.fromEntries(NAMES.map((name) => [name, "u32"])),
  webgpu: {
    code: wgsl("strided_copy"),
    workgroups({ count, n0, n1 }, { TILE }) {
      if (!TILE) return Math.ceil(count / 256);
      return count / (n0 * n1) * Math.ceil(n0 / 32) * Math.ceil(n1 / 32);
    },
  },
  cpu,
};

/**
 * One side of a copy: the offset of the element (0, 0, …), and the stride of each axis, in
 * elements.
 */
export interface Side {
  readonly tensor: Tensor;
  readonly steps: readonly number[];
  /** Offset of the first element. Default 0. */
  readonly start?: number;
}

interface Axis {
  readonly length: number;
  readonly x: number;
  readonly y: number;
}

/**
 * Copies a box of `shape` from `from` to `to`, or adds it there (`add`, f32); without `from`,
 * writes zeros. No derivative.
 *
 * @throws {TypeError} if more than six axes are left after contiguous ones are joined
 */
export function stridedCopy(
  shape: Shape,
  from: Side | undefined,
  to: Side,
  operation: "copy" | "add" = "copy",
): void {
  const count = size(shape);
  if (count === 0) return;
  const all = shape.map((length, i) => ({ length, x: from?.steps[i] ?? 0, y: to.steps[i] }));
  const axes = orderAxes(all);
  if (axes.length > AXES.length) {
    throw new TypeError(
      `copy: ${formatShape(shape)} has more than six axes that do not join; reshape it first`,
    );
  }
  const [inner, next] = axes;
  const turns = inner.x !== 1 && inner.y === 1 && next?.x === 1;
  const TILE = turns && Math.min(inner.length, next.length) >= SMALLEST_SIDE ? 1 : 0;
  const constants = {
    ADD: operation === "add" ? 1 : 0,
    ZERO: from ? 0 : 1,
    RANK: axes.length,
    TILE,
    UNIT: inner.y === 1 && (inner.x === 1 || !from) ? 1 : 0,
  };
  const scalars: Record<string, number> = {
    count,
    ...cut(count, inner.length, TILE ? next.length : 0),
    xStart: from?.start ?? 0,
    yStart: to.start ?? 0,
  };
  for (const axis of AXES) {
    const { length, x, y } = axes[axis] ?? { length: 1, x: 0, y: 0 };
    Object.assign(scalars, { [`n${axis}`]: length, [`x${axis}`]: x, [`y${axis}`]: y });
  }
  launch(KERNEL, { x: from?.tensor, y: to.tensor }, scalars, constants);
}

/**
 * The axes, innermost first in y, neighbors joined; then, in a transposition, the one that is
 * innermost in x is second.
 */
function orderAxes(all: readonly Axis[]): Axis[] {
  const axes: Axis[] = [];
  for (const axis of all.filter(({ length }) => length > 1).sort((a, b) => a.y - b.y)) {
    const last = axes.at(-1);
    const joins = last && axis.x === last.x * last.length && axis.y === last.y * last.length;
    if (joins) axes[axes.length - 1] = { ...last, length: last.length * axis.length };
    else axes.push(axis);
  }
  if (axes.length === 0) return [{ length: 1, x: 1, y: 1 }];
  const innermost = axes.findIndex(({ x }) => x === 1);
  if (axes[0].y === 1 && innermost > 1) axes.splice(1, 0, ...axes.splice(innermost, 1));
  return axes;
}

/** Transposes whose sides are at least this long are done in square tiles. */
const SMALLEST_SIDE = 8;
/**
 * Minimum of words that a chunk on the CPU should copy, and the columns of an item in a
 * transposition.
 */
const CHUNK = 16384, COLUMNS = 1024;

/** Divides the box into items and chunks for the CPU. `rows` is 0 unless it is a transposition. */
function cut(count: number, columns: number, rows: number) {
  const block = rows ? COLUMNS : CHUNK;
  const rowItems = rows ? count / columns / rows * Math.ceil(rows / BAND) : count / columns;
  const items = rowItems * Math.ceil(columns / block);
  return { items, block, group: Math.ceil(items / Math.ceil(count / CHUNK)) };
}
