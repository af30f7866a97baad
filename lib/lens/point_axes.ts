/**
 * The axes of the values at hook points, and the selection of some of their elements.
 *
 * @module
 */
import { describe } from "../errors.ts";
import type { Shape } from "../shape.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";

/** Some elements at a point: those whose indices are all given; −1 is the last. Default: all. */
export interface Selection {
  /** Sequences of the batch. */
  row?: number | readonly number[];
  /** Heads. */
  head?: number | readonly number[];
  /** Tokens; of scores and patterns those of the query. */
  place?: number | readonly number[];
  /** Tokens of the key, of scores and patterns. */
  key?: number | readonly number[];
  /** Elements of vectors: dimensions, neurons of `hook_post`, ids of `logits`. */
  dimension?: number | readonly number[];
}

/** The names of a selection's fields. */
export const SELECTION = { row: true, head: true, place: true, key: true, dimension: true };

type Axis = keyof Selection;

const HEADS = /hook_(q|k|v|z|rot_q|rot_k|result)$/;
const SQUARES = /hook_(attn_scores|pattern)$/;

/** The axes of the value at a point, in their order. */
export function axesOf(name: string, rank: number): readonly Axis[] {
  if (SQUARES.test(name)) return ["row", "head", "place", "key"];
  if (HEADS.test(name)) return ["row", "place", "head", "dimension"];
  return rank === 2 ? ["row", "dimension"] : ["row", "place", "dimension"];
}

/** The indices of a selection on one axis of `length`, counted from the front. */
export function indicesOf(
  operation: string,
  axis: string,
  chosen: number | readonly number[],
  length: number,
): number[] {
  const list = typeof chosen === "number" ? [chosen] : chosen;
  if (!Array.isArray(list) || list.length === 0) {
    throw new TypeError(
      `${operation}: expected ${axis} as an index or a list of them, got ${describe(chosen)}`,
    );
  }
  return list.map((index) => {
    const front = index < 0 ? index + length : index;
    if (Number.isInteger(front) && front >= 0 && front < length) return front;
    throw new RangeError(
      `${operation}: expected ${axis} from ${-length} to ${length - 1}, got ${describe(index)}`,
    );
  });
}

/**
 * f32, 1 at the selected elements, broadcasting to the value's shape; undefined if all are.
 *
 * @throws {TypeError} if the point has no such axis
 * @throws {RangeError} if there is no such index
 */
export function selectionMask(
  name: string,
  value: Tensor,
  selection: Selection,
): Tensor | undefined {
  const axes = axesOf(name, value.shape.length);
  const chosen = Object.entries(selection).filter(([axis, indices]) =>
    axis in SELECTION && indices !== undefined
  );
  for (const [axis] of chosen) {
    if (axes.includes(axis as Axis)) continue;
    throw new TypeError(`${name}: no ${axis} to select; its axes are ${axes.join(", ")}`);
  }
  if (chosen.length === 0) return undefined;
  const shape = axes.map((axis, i) => selection[axis] === undefined ? 1 : value.shape[i]);
  const selected = axes.map((axis, i) => {
    const indices = selection[axis];
    if (indices === undefined) return undefined;
    return new Set(indicesOf(name, axis, indices, value.shape[i]));
  });
  return tensor(products(shape, selected), { shape, device: value.device });
}

/** 1 where every axis selects its index, otherwise 0. */
function products(
  shape: Shape,
  selected: readonly (ReadonlySet<number> | undefined)[],
): Float32Array {
  const values = new Float32Array(shape.reduce((size, length) => size * length, 1));
  return values.map((_, i) => {
    let rest = i;
    let isSelected = true;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      isSelected &&= selected[axis]?.has(rest % shape[axis]) ?? true;
      rest = Math.floor(rest / shape[axis]);
    }
    return isSelected ? 1 : 0;
  });
}
