/**
 * The numbers of a parameter in the order of its tensors, and back: a range of a tensor's columns,
 * columns in another order, rows before the parameter's, and numbers stored less 1.
 *
 * A format's `source` (format.ts) says which of these a parameter needs. Tensors are joined and
 * transposed before, in parameters.ts, and cut apart after, in stored_tensors.ts.
 *
 * @module
 */
import { type Shape, size } from "../shape.ts";
import type { ParameterSource } from "./format.ts";

/** The shape of a parameter's tensors, joined and not transposed. */
export function storedShape(
  shape: Shape,
  { part, skippedRows = 0 }: ParameterSource,
): number[] {
  const columns = shape[shape.length - 1] * (part?.count ?? 1);
  const rows = shape.slice(0, -1);
  return skippedRows ? [rows[0] + skippedRows, ...rows.slice(1), columns] : [...rows, columns];
}

/** A parameter of `shape` from its tensors' numbers, joined and not transposed. */
export function fromStored(
  stored: Float32Array<ArrayBuffer>,
  shape: Shape,
  source: ParameterSource,
): Float32Array<ArrayBuffer> {
  if (isSame(source)) return stored;
  const data = new Float32Array(size(shape));
  const { added = 0 } = source;
  forElements(shape, source, (i, at) => data[i] = stored[at] + added);
  return data;
}

/** Puts a parameter's numbers into those of its tensors; the inverse of `fromStored`. */
export function intoStored(
  data: Float32Array<ArrayBuffer>,
  shape: Shape,
  source: ParameterSource,
  stored: Float32Array<ArrayBuffer>,
): void {
  const { added = 0 } = source;
  forElements(shape, source, (i, at) => stored[at] = data[i] - added);
}

/** Whether the tensors' numbers are the parameter's. */
export function isSame({ part, column, skippedRows, added }: ParameterSource): boolean {
  return !part && !column && !skippedRows && !added;
}

/** Calls `body` with each element's index in the parameter and in its tensors. */
function forElements(
  shape: Shape,
  { part = { index: 0, count: 1 }, column = (c) => c, skippedRows = 0 }: ParameterSource,
  body: (i: number, at: number) => void,
): void {
  const columns = shape[shape.length - 1];
  const rows = size(shape) / columns;
  const places = Uint32Array.from({ length: columns }, (_, c) => part.index * columns + column(c));
  for (let r = 0; r < rows; r++) {
    const first = (r + skippedRows) * part.count * columns;
    for (let c = 0; c < columns; c++) body(r * columns + c, first + places[c]);
  }
}
