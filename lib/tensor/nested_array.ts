/**
 * Nested arrays of numbers and the flat values that a tensor stores: their shape, flattening,
 * nesting, and their text for a console.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { type Shape, size } from "../shape.ts";

/** Nested arrays of numbers, all of the same length at each level. */
export type NestedArray = number | readonly NestedArray[];

/** The lengths of the levels, read from the first element of each. */
export function nestedShape(values: unknown): number[] {
  if (typeof values === "number") return [];
  const { length, 0: first } = values as ArrayLike<unknown>;
  return Array.isArray(first) ? [length, ...nestedShape(first)] : [length];
}

/**
 * All numbers, row by row.
 *
 * @throws {TypeError} if rows differ in length, or an element is no number
 */
export function flatten(rows: readonly unknown[]): number[] {
  if (!Array.isArray(rows[0])) {
    const wrong = rows.findIndex((element) => typeof element !== "number");
    if (wrong < 0) return rows as number[];
    throw new TypeError(`tensor: expected numbers, got ${describe(rows[wrong])} at index ${wrong}`);
  }
  const lengths = new Set(rows.map((row) => Array.isArray(row) ? row.length : 0));
  if (lengths.size > 1) {
    throw new TypeError(`tensor: rows differ in length: ${[...lengths].join(", ")}`);
  }
  return rows.flatMap((row) => flatten(row as unknown[]));
}

/** Flat values, row by row, as nested arrays of a shape; a number for a scalar. */
export function nest(values: Float32Array | Int32Array, [length, ...rest]: Shape): NestedArray {
  if (length === undefined) return values[0];
  if (rest.length === 0) return [...values];
  const step = size(rest);
  return Array.from({ length }, (_, i) => nest(values.subarray(i * step, (i + 1) * step), rest));
}

/** Nested arrays as `[[1, 2], [0.333333, 4]]`, with six significant digits. */
export function formatNested(values: NestedArray): string {
  if (typeof values === "number") return `${Number(values.toPrecision(6))}`;
  return `[${values.map(formatNested).join(", ")}]`;
}
