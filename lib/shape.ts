/**
 * Shapes: the sizes of a tensor's axes, outermost first, and the arithmetic on them.
 * See lib/tensor for storage and dtypes, lib/ops for the operations.
 *
 * @module
 */

import { describe } from "./errors.ts";

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

/**
 * Checks that `shape` is a list of sizes.
 *
 * @throws {TypeError} if it is no array of whole numbers from 0
 */
export function expectShape(operation: string, shape: Shape): void {
  if (!Array.isArray(shape)) {
    throw new TypeError(`${operation}: expected a shape such as [2, 3], got ${describe(shape)}`);
  }
  for (const length of shape) {
    if (Number.isSafeInteger(length) && length >= 0) continue;
    throw new TypeError(
      `${operation}: expected a shape of whole numbers from 0, got ${formatShape(shape)}`,
    );
  }
}

/**
 * The shape of `x` viewed as `shape`, in which one length may be −1: it is inferred from the
 * others.
 *
 * ```ts
 * import { resolveShape } from "./shape.ts";
 * console.log(resolveShape("reshape", { shape: [2, 6] }, [3, -1])); // [ 3, 4 ]
 * ```
 *
 * @throws {TypeError} if the sizes differ, or more than one length is −1
 */
export function resolveShape(operation: string, x: { shape: Shape }, shape: Shape): Shape {
  const open = Array.isArray(shape) ? shape.indexOf(-1) : -1;
  const elements = size(x.shape);
  const resolved = open < 0 ? shape : shape.with(open, elements / size(shape.toSpliced(open, 1)));
  if (open >= 0 && !Number.isSafeInteger(resolved[open])) throw unfilled();
  expectShape(operation, resolved);
  if (size(resolved) !== elements) throw unfilled();
  return resolved;

  function unfilled(): TypeError {
    return new TypeError(
      `${operation}: ${formatShape(x.shape)} has ${elements} elements, which do not fill ` +
        formatShape(shape),
    );
  }
}

/** Whether two shapes have the same axes of the same sizes. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((length, axis) => length === b[axis]);
}

/**
 * The shape that two operands broadcast to: aligned at the last axis, a size of 1 stretches to the
 * other's size and a missing axis counts as 1, as in NumPy.
 *
 * ```ts
 * import { broadcastShapes } from "./shape.ts";
 * console.log(broadcastShapes("add", [4, 1, 3], [5, 1])); // [ 4, 5, 3 ]
 * ```
 *
 * @throws {TypeError} naming both shapes, if two sizes differ and neither is 1
 */
export function broadcastShapes(operation: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  const result = new Array<number>(rank);
  for (let fromEnd = 1; fromEnd <= rank; fromEnd++) {
    const left = a[a.length - fromEnd] ?? 1, right = b[b.length - fromEnd] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      throw new TypeError(
        `${operation}: shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast: ` +
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
 * @throws {RangeError} if axis is no integer in [-rank, rank)
 */
export function normalizeAxis(operation: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    const expected = rank === 0 ? "a scalar has no axes" : `expected ${-rank} to ${rank - 1}`;
    throw new RangeError(
      `${operation}: axis ${
        describe(axis)
      } does not exist in a tensor of rank ${rank}: ${expected}`,
    );
  }
  return axis < 0 ? axis + rank : axis;
}
