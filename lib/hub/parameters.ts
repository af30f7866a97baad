/**
 * A model's parameters read from safetensors files, in Folio's layouts and checked against the
 * shapes that the configuration requires. names.ts matches names, fill_parameters.ts writes the
 * numbers to the model; see stored_tensors.ts for the inverse.
 *
 * @module
 */
import { formatShape, sameShape, type Shape, size } from "../shape.ts";
import { yieldToEvents } from "../yield_to_events.ts";
import type { ArchitectureNames, ParameterSource } from "./format.ts";
import { matchParameters } from "./names.ts";
import { assertFinite, type ElementRange } from "./safetensors.ts";
import { fromStored, isSame, storedShape } from "./stored_layout.ts";

/** Named tensors that can be read one by one: a SafetensorsFile, or several as one. */
export interface TensorReader {
  /** What to call it in errors. */
  readonly name: string;
  /** The tensors' shapes, in the order of their data. */
  readonly tensors: ReadonlyMap<string, { readonly shape: Shape }>;
  /** A floating-point tensor, or a range of its elements, as float32 in its own buffer. */
  float32(name: string, range?: ElementRange): Promise<Float32Array<ArrayBuffer>>;
}

/** Receives a matrix a few rows at a time, as [outputs, inputs], instead of the whole. */
export interface RowReceiver {
  /** Whether the parameter itself is [outputs, inputs]. */
  readonly transposed: boolean;
  /** The rows from the `first` on, [count, inputs]. */
  rows(first: number, values: Float32Array<ArrayBuffer>): void;
}

/**
 * Yields each parameter's name and float32 data; `shapes` are the model's parameter names and
 * shapes. The file is read from its start to its end, as a download must be; a parameter of several
 * tensors is yielded with the last of them. All names and shapes are checked before the first is
 * read.
 *
 * @throws {SyntaxError} if names or shapes are not those of the configuration
 * @throws {RangeError} if a weight is NaN or infinite
 * @throws {TypeError} if a tensor holds integers
 */
export async function* readParameters(
  file: TensorReader,
  shapes: ReadonlyMap<string, Shape>,
  architecture: ArchitectureNames,
  receivers: ReadonlyMap<string, RowReceiver> = new Map(),
): AsyncGenerator<[name: string, data: Float32Array<ArrayBuffer>]> {
  const sources = match(file, shapes, architecture);
  for (const [name, source] of sources) checkShapes(file, name, source, shapes.get(name)!);
  const owners = ownersOf(sources);
  const parts = new Map<string, Float32Array<ArrayBuffer>>();
  for (const stored of file.tensors.keys()) {
    const waiting = owners.get(stored);
    if (architecture.zeros?.test(stored)) expectZeros(file, stored, await file.float32(stored));
    if (waiting === undefined) continue;
    const receiver = waiting.length === 1 ? receivers.get(waiting[0]) : undefined;
    if (receiver && isStoredByRow(sources.get(waiting[0])!, receiver)) {
      await passRows(file, stored, sources.get(waiting[0])!, receiver);
      continue;
    }
    const part = await file.float32(stored);
    assertFinite(`${stored} of ${file.name}`, part);
    parts.set(stored, part);
    for (const owner of waiting) {
      const source = sources.get(owner)!;
      if (!source.names.every((name) => parts.has(name))) continue;
      const own = source.names.map((name) => parts.get(name)!);
      for (const name of source.names) if (name !== stored) parts.delete(name);
      const shape = shapes.get(owner)!;
      const joined = join(own, source.transposed, storedShape(shape, source));
      yield [owner, fromStored(joined, shape, source)];
      if (source.names.length > 1 || waiting.at(-1) === owner) parts.delete(stored);
    }
  }
}

function expectZeros(file: TensorReader, name: string, values: Float32Array): void {
  if (values.every((value) => value === 0)) return;
  throw new SyntaxError(`${file.name}: ${name}: expected zeros, got ${values.find(Boolean)}`);
}

/** Whether the rows of a source's tensors are those of the matrix [outputs, inputs]. */
function isStoredByRow(source: ParameterSource, { transposed }: RowReceiver): boolean {
  const { names, transposed: isTurned } = source;
  return isSame(source) && (transposed ? !isTurned && names.length === 1 : isTurned);
}

/** Elements that are read together. */
const ROW_ELEMENTS = 1 << 20;

async function passRows(
  file: TensorReader,
  stored: string,
  { names }: ParameterSource,
  receiver: RowReceiver,
): Promise<void> {
  const [outputs, inputs] = file.tensors.get(stored)!.shape;
  const before = names.slice(0, names.indexOf(stored))
    .reduce((sum, name) => sum + file.tensors.get(name)!.shape[0], 0);
  const together = Math.max(1, Math.floor(ROW_ELEMENTS / inputs));
  for (let row = 0; row < outputs; row += together) {
    const count = Math.min(together, outputs - row) * inputs;
    const values = await file.float32(stored, { first: row * inputs, count });
    assertFinite(`${stored} of ${file.name}, from element ${row * inputs} on`, values);
    receiver.rows(before + row, values);
    await yieldToEvents();
  }
}

/** The parameters that need each tensor: several if each is a part of it. */
function ownersOf(sources: ReadonlyMap<string, ParameterSource>): Map<string, string[]> {
  const owners = new Map<string, string[]>();
  for (const [owner, { names }] of sources) {
    for (const name of names) owners.set(name, [...owners.get(name) ?? [], owner]);
  }
  return owners;
}

function match(file: TensorReader, shapes: ReadonlyMap<string, Shape>, of: ArchitectureNames) {
  try {
    return matchParameters(shapes.keys(), file.tensors.keys(), of);
  } catch (cause) {
    throw new SyntaxError(`${file.name}: ${(cause as Error).message}`, { cause });
  }
}

function checkShapes(file: TensorReader, name: string, source: ParameterSource, own: Shape) {
  const shape = storedShape(own, source);
  const parts = source.names.map((part) => file.tensors.get(part)!.shape);
  const stored = parts.map((part) => source.transposed ? part.toReversed() : part);
  const last = shape.length - 1;
  const joined = [...stored[0].slice(0, last), stored.reduce((sum, part) => sum + part[last], 0)];
  const sameRows = stored.every((part) => sameShape(part.slice(0, -1), shape.slice(0, -1)));
  if (sameRows && sameShape(joined, shape)) return;
  const expected = formatShape(source.transposed ? shape.toReversed() : shape);
  throw new SyntaxError(
    `${file.name}: ${source.names.join(" + ")}: expected ${expected} for ${name}, ` +
      `got ${parts.map(formatShape).join(" + ")}`,
  );
}

/** Concatenates tensors on the last axis of `shape`. */
function join(parts: Float32Array<ArrayBuffer>[], transposed: boolean, shape: Shape) {
  if (parts.length === 1 && !transposed) return parts[0];
  const result = new Float32Array(size(shape));
  const columns = shape[shape.length - 1];
  const rows = result.length / columns;
  let column = 0;
  for (const part of parts) {
    const width = part.length / rows;
    const target = { data: result, offset: column, pitch: columns };
    if (transposed) transposeInto(part, { rows: width, columns: rows }, target);
    else copyInto(part, { rows, columns: width }, target);
    column += width;
  }
  return result;
}

/** A matrix's size. */
interface Size {
  readonly rows: number;
  readonly columns: number;
}

/** The position of a matrix in a larger one: its first column, and the larger one's columns. */
interface Columns {
  readonly data: Float32Array;
  readonly offset: number;
  readonly pitch: number;
}

function copyInto(matrix: Float32Array, { rows, columns }: Size, target: Columns): void {
  const { data, offset, pitch } = target;
  for (let r = 0; r < rows; r++) {
    data.set(matrix.subarray(r * columns, (r + 1) * columns), r * pitch + offset);
  }
}

/**
 * Side of the square tiles in which a matrix is transposed, so that both sides of the copy stay in
 * the cache.
 */
const SQUARE = 32;

/** Puts the matrix's transpose, [columns, rows], into columns of a larger one. */
function transposeInto(matrix: Float32Array, { rows, columns }: Size, target: Columns): void {
  const { data, offset, pitch } = target;
  for (let top = 0; top < rows; top += SQUARE) {
    const bottom = Math.min(rows, top + SQUARE);
    for (let left = 0; left < columns; left += SQUARE) {
      const right = Math.min(columns, left + SQUARE);
      for (let r = top; r < bottom; r++) {
        for (let c = left; c < right; c++) {
          data[c * pitch + offset + r] = matrix[r * columns + c];
        }
      }
    }
  }
}
