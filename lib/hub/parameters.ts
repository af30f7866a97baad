/**
 * A model's parameters read from a safetensors file, one at a time, in Folio's layouts and checked
 * against the shapes that the configuration calls for. Names are matched by names.ts; what the
 * numbers are put into is left to the callers.
 *
 * @module
 */
import { formatShape, sameShape, type Shape, size } from "../shape.ts";
import type { Architecture } from "./config.ts";
import { matchParameters, type ParameterSource } from "./names.ts";
import { assertFinite, type SafetensorsFile } from "./safetensors.ts";

/**
 * Yields each parameter's name and float32 data, in the order of `shapes`. All names and shapes are
 * checked before the first is read.
 *
 * @param shapes Folio's parameter names and shapes, as the model has them
 * @throws {SyntaxError} where names or shapes are not those of the configuration
 * @throws {RangeError} where a weight is NaN or infinite
 * @throws {TypeError} where a tensor holds integers
 */
export async function* readParameters(
  file: SafetensorsFile,
  shapes: ReadonlyMap<string, Shape>,
  architecture: Architecture,
): AsyncGenerator<[name: string, data: Float32Array<ArrayBuffer>]> {
  const sources = match(file, shapes, architecture);
  for (const [name, source] of sources) checkShapes(file, name, source, shapes.get(name)!);
  for (const [name, source] of sources) {
    const data = await assemble(file, source, shapes.get(name)!);
    assertFinite(`${name} of ${file.name}`, data);
    yield [name, data];
  }
}

function match(file: SafetensorsFile, shapes: ReadonlyMap<string, Shape>, of: Architecture) {
  try {
    return matchParameters(shapes.keys(), file.tensors.keys(), of);
  } catch (cause) {
    throw new SyntaxError(`${file.name}: ${(cause as Error).message}`, { cause });
  }
}

function checkShapes(file: SafetensorsFile, name: string, source: ParameterSource, shape: Shape) {
  if (source.names.length === 0) return;
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

async function assemble(
  file: SafetensorsFile,
  { names, transposed }: ParameterSource,
  shape: Shape,
) {
  if (names.length === 1 && !transposed) return await file.float32(names[0]);
  const result = new Float32Array(size(shape));
  const columns = shape[shape.length - 1];
  let column = 0;
  for (const name of names) {
    const part = await file.float32(name);
    const width = part.length / (result.length / columns);
    copyColumns(part, width, transposed, result, columns, column);
    column += width;
  }
  return result;
}

/** Writes `part` ([rows, width], or [width, rows] where transposed) into columns of `result`. */
function copyColumns(
  part: Float32Array,
  width: number,
  transposed: boolean,
  result: Float32Array,
  columns: number,
  column: number,
): void {
  const rows = result.length / columns;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < width; i++) {
      const from = transposed ? i * rows + row : row * width + i;
      result[row * columns + column + i] = part[from];
    }
  }
}
