/**
 * Shapes: the sizes of a tensor's axes, outermost first, and the arithmetic on them.
 * Storage, dtypes and the operations themselves are left to the tensor layer.
 *
 * @module
 */

/** Sizes of the axes, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

/** Number of elements: the product of the sizes, 1 for a scalar. */
export function size(shape: Shape): number {
  let product = 1;
  for (const length of shape) product *= length;
  return product;
}

/** Row-major strides in elements: `strides[i] = shape[i+1] · … · shape[n-1]`. */
export function strides(shape: Shape): number[] {
  const result = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    result[axis] = step;
    step *= shape[axis];
  }
  return result;
}

/** A shape as text: `[2,3]`, and `[]` for a scalar. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(",")}]`;
}

/** Whether two shapes have the same axes of the same sizes. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((length, axis) => length === b[axis]);
}

/**
 * The shape that two operands broadcast to: aligned at the last axis, a size of 1 stretches to the
 * other's size and a missing axis counts as 1, as in NumPy.
 *
 * @throws {TypeError} naming both shapes where two sizes differ and neither is 1
 *
 * ```ts
 * import { broadcastShapes } from "./shape.ts";
 * console.log(broadcastShapes([4, 1, 3], [5, 1])); // [ 4, 5, 3 ]
 * ```
 */
export function broadcastShapes(a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  const result = new Array<number>(rank);
  for (let fromEnd = 1; fromEnd <= rank; fromEnd++) {
    const left = a[a.length - fromEnd] ?? 1, right = b[b.length - fromEnd] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      throw new TypeError(
        `shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast: ` +
          `sizes ${left} and ${right} on axis -${fromEnd} differ and neither is 1`,
      );
    }
    result[rank - fromEnd] = left === 1 ? right : left;
  }
  return result;
}

/**
 * An axis counted from the front: -1 is the last, -rank the first.
 *
 * @throws {RangeError} where axis is no integer in [-rank, rank)
 */
export function normalizeAxis(axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    const expected = rank === 0 ? "a scalar has no axes" : `expected ${-rank} to ${rank - 1}`;
    throw new RangeError(`axis ${axis} does not exist in a tensor of rank ${rank}: ${expected}`);
  }
  return axis < 0 ? axis + rank : axis;
}
