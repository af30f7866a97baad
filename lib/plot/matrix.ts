/**
 * Matrices as arguments of figures: rows of numbers, or one flat array in row-major order.
 *
 * @module
 */

import { describe } from "../errors.ts";

/**
 * A matrix: an array of rows, or all values row by row in one array, such as a tensor's data.
 */
export type Matrix = readonly ArrayLike<number | boolean>[] | ArrayLike<number | boolean>;

/** A matrix of known size. */
export interface Grid {
  /** Number of rows. */
  readonly rows: number;
  /** Number of columns. */
  readonly columns: number;
  /** The value in a row and a column; true counts as 1. */
  at(row: number, column: number): number;
}

/**
 * Reads a matrix of a given size; `name` is for the errors.
 *
 * ```ts
 * console.assert(grid("weights", [1, 2, 3, 4, 5, 6], 2, 3).at(1, 0) === 4);
 * console.assert(grid("weights", [[1, 2, 3], [4, 5, 6]], 2, 3).at(1, 0) === 4);
 * ```
 *
 * @throws {TypeError} if the matrix has another shape than `[rows, columns]`, or is no matrix
 * @throws {RangeError} if that shape is empty
 */
export function grid(name: string, matrix: Matrix, rows: number, columns: number): Grid {
  if (!Number.isInteger(rows) || !Number.isInteger(columns)) {
    throw new TypeError(
      `${name}: expected whole numbers of rows and columns, got ${rows} and ${columns}`,
    );
  }
  if (rows === 0 || columns === 0) throw new RangeError(`${name}: nothing to draw`);
  const expected = `${name}: expected ${rows} rows of ${columns} values`;
  if (!Array.isArray(matrix) && !ArrayBuffer.isView(matrix)) {
    const isTensor = typeof (matrix as { data?: unknown } | null)?.data === "function";
    const advice = isTensor ? "; pass await tensor.data()" : "";
    throw new TypeError(`${expected}, got ${describe(matrix)}${advice}`);
  }
  if (typeof matrix[0] === "object") {
    const nested = matrix as readonly ArrayLike<number>[];
    const wrong = nested.findIndex((row) => row.length !== columns);
    if (nested.length !== rows) throw new TypeError(`${expected}, got ${nested.length} rows`);
    if (wrong >= 0) {
      throw new TypeError(`${expected}, got ${nested[wrong].length} in row ${wrong}`);
    }
    return { rows, columns, at: (row, column) => Number(nested[row][column]) };
  }
  const flat = matrix as ArrayLike<number>;
  const size = rows * columns;
  if (flat.length !== size) {
    const isSeveral = flat.length > 0 && flat.length % size === 0;
    const advice = isSeveral ? `; one map of them is values.subarray(0, ${size})` : "";
    throw new TypeError(`${expected}, got ${flat.length} values${advice}`);
  }
  return { rows, columns, at: (row, column) => Number(flat[row * columns + column]) };
}

/** Minimum and maximum of the finite values; 0 and 1 if there is none. */
export function range({ rows, columns, at }: Grid): [min: number, max: number] {
  let [min, max] = [Infinity, -Infinity];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = at(row, column);
      if (!Number.isFinite(value)) continue;
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
  }
  return min <= max ? [min, max] : [0, 1];
}
