/**
 * A parameter as the tensors that an architecture's files hold: joined ones cut apart, in the
 * file's names and layouts. The inverse of what parameters.ts reads; writing the file is
 * safetensors.ts's.
 *
 * @module
 */
import { headSizeOf } from "../nn/block_config.ts";
import type { ModelConfig } from "../nn/config.ts";
import type { Shape } from "../shape.ts";
import { type Architecture, architectureOf, FORMATS } from "./config.ts";

/** Numbers in a shape, on the host. */
export interface HostTensor {
  /** What it is called. */
  readonly name: string;
  /** Sizes of the axes. */
  readonly shape: Shape;
  /** The numbers, row by row. */
  readonly data: Float32Array<ArrayBuffer>;
}

/** Names and shapes of the tensors that a parameter is stored as. */
export function storedShapes(
  config: ModelConfig,
  name: string,
  shape: Shape,
  architecture: Architecture = architectureOf(config),
): [name: string, shape: Shape][] {
  const { names, transposed } = FORMATS[architecture].source(name);
  return partWidths(names, shape[shape.length - 1], config).map((width, i) => {
    const own = [...shape.slice(0, -1), width];
    return [names[i], transposed ? own.toReversed() : own];
  });
}

/**
 * The tensors that a parameter is stored as, copied unless there is one with the parameter's layout.
 * The model's heads separate queries, keys and values. `architecture` is by default the one that the
 * model is saved as.
 */
export function storedTensors(
  config: ModelConfig,
  { name, shape, data }: HostTensor,
  architecture: Architecture = architectureOf(config),
): HostTensor[] {
  const stored = storedShapes(config, name, shape, architecture);
  const { transposed } = FORMATS[architecture].source(name);
  if (stored.length === 1 && !transposed) return [{ name: stored[0][0], shape, data }];
  const columns = shape[shape.length - 1];
  let first = 0;
  return stored.map(([name, own]) => {
    const width = transposed ? own[0] : own[own.length - 1];
    const part = cut(data, columns, { first, width, transposed });
    first += width;
    return { name, shape: own, data: part };
  });
}

/** Columns of each tensor that makes up a parameter of `columns`: queries, keys, values. */
function partWidths(names: readonly string[], columns: number, config: ModelConfig): number[] {
  if (names.length === 1) return [columns];
  const { heads, keyValueHeads = heads } = config;
  return [heads, keyValueHeads, keyValueHeads].map((count) => count * headSizeOf(config));
}

interface Part {
  readonly first: number;
  readonly width: number;
  readonly transposed: boolean;
}

function cut(data: Float32Array, columns: number, { first, width, transposed }: Part) {
  const rows = data.length / columns;
  const part = new Float32Array(rows * width);
  for (let r = 0; r < rows; r++) {
    const from = r * columns + first;
    if (!transposed) part.set(data.subarray(from, from + width), r * width);
    else for (let c = 0; c < width; c++) part[c * rows + r] = data[from + c];
  }
  return part;
}
