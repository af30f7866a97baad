/**
 * Parameters as the tensors that an architecture's files hold: joined ones cut apart, in the file's
 * names and layouts. The inverse of what parameters.ts reads; see safetensors.ts for the file.
 *
 * @module
 */
import { headSizeOf } from "../nn/block_config.ts";
import type { ModelConfig } from "../nn/config.ts";
import { type Shape, size } from "../shape.ts";
import type { ArchitectureNames, ParameterSource } from "./format.ts";
import { intoStored, isSame, storedShape } from "./stored_layout.ts";

/** Numbers in a shape, on the host. */
export interface HostTensor {
  /** What it is called. */
  readonly name: string;
  /** Sizes of the axes. */
  readonly shape: Shape;
  /** The numbers, row by row. */
  readonly data: Float32Array<ArrayBuffer>;
}

/** The sizes of queries, keys and values, which some files hold apart. */
export type Sizes = Pick<ModelConfig, "width" | "heads" | "headSize" | "keyValueHeads">;

/**
 * Names and shapes of the tensors that parameters are stored as, in the order in which
 * `storedTensors` returns them.
 */
export function storedShapes(
  config: Sizes,
  parameters: Iterable<readonly [name: string, shape: Shape]>,
  { source }: Pick<ArchitectureNames, "source">,
): [name: string, shape: Shape][] {
  const isComplete = partCounter();
  return [...parameters].flatMap(([name, shape]) => {
    const from = source(name);
    return isComplete(from) ? shapesOf(config, shape, from) : [];
  });
}

/**
 * Returns a function from each parameter, in order, to the tensors that are complete with it:
 * one, several for queries, keys and values, or none if another part of the tensor follows. Data is
 * copied unless the tensor has the parameter's layout.
 */
export function storedTensors(
  config: Sizes,
  { source }: Pick<ArchitectureNames, "source">,
): (parameter: HostTensor) => HostTensor[] {
  const isComplete = partCounter();
  const unfinished = new Map<string, Float32Array<ArrayBuffer>>();
  return ({ name, shape, data }) => {
    const from = source(name);
    const [first] = from.names;
    const joined = isSame(from)
      ? data
      : unfinished.get(first) ?? new Float32Array(size(storedShape(shape, from)));
    if (!isSame(from)) intoStored(data, shape, from, joined);
    if (isComplete(from)) unfinished.delete(first);
    else {
      unfinished.set(first, joined);
      return [];
    }
    return cutApart(joined, shapesOf(config, shape, from), from.transposed);
  };
}

/** Says whether a source's tensor has all its parts, once it was called with each of them. */
function partCounter(): (source: ParameterSource) => boolean {
  const seen = new Map<string, number>();
  return ({ names: [name], part }) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === (part?.count ?? 1);
  };
}

/** Names and shapes of a source's tensors. */
function shapesOf(
  config: Sizes,
  parameter: Shape,
  source: ParameterSource,
): [name: string, shape: Shape][] {
  const shape = storedShape(parameter, source);
  return partWidths(source.names, shape[shape.length - 1], config).map((width, i) => {
    const own = [...shape.slice(0, -1), width];
    return [source.names[i], source.transposed ? own.toReversed() : own];
  });
}

/** Columns of each tensor that makes up a parameter of `columns`: queries, keys, values. */
function partWidths(names: readonly string[], columns: number, config: Sizes): number[] {
  if (names.length === 1) return [columns];
  const { heads, keyValueHeads = heads } = config;
  return [heads, keyValueHeads, keyValueHeads].map((count) => count * headSizeOf(config));
}

function cutApart(
  data: Float32Array<ArrayBuffer>,
  tensors: [name: string, shape: Shape][],
  transposed: boolean,
): HostTensor[] {
  if (tensors.length === 1 && !transposed) {
    return [{ name: tensors[0][0], shape: tensors[0][1], data }];
  }
  const widths = tensors.map(([, shape]) => transposed ? shape[0] : shape[shape.length - 1]);
  const columns = widths.reduce((sum, width) => sum + width, 0);
  let first = 0;
  return tensors.map(([name, shape], i) => {
    const part = cut(data, columns, { first, width: widths[i], transposed });
    first += widths[i];
    return { name, shape, data: part };
  });
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
