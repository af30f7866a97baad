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
  const selected = selectedOn(name, value.shape, selection);
  if (selected.every((indices) => indices === undefined)) return undefined;
  const shape = value.shape.map((length, i) => selected[i] ? length : 1);
  return tensor(products(shape, selected), { shape, device: value.device });
}

/**
 * f32 [n,1,…], 1 where the value [B,…] of pass i of n is selected by selections[i]; all of them
 * select on the same axes.
 */
export function passesMask(
  name: string,
  value: Tensor,
  selections: readonly (Selection | undefined)[],
): Tensor {
  const each = selections.map((selection) => selection && selectedOn(name, value.shape, selection));
  const some = each.find((selected) => selected !== undefined)!;
  const shape = value.shape.map((length, i) => some[i] ? length : 1);
  const size = shape.reduce((product, length) => product * length, 1);
  const values = new Float32Array(each.length * size);
  each.forEach((selected, i) => selected && values.set(products(shape, selected), i * size));
  return tensor(values, { shape: [each.length, ...shape], device: value.device });
}

type Selected = readonly (ReadonlySet<number> | undefined)[];

/** The selected indices of each axis; undefined where all are. */
function selectedOn(name: string, shape: Shape, selection: Selection): Selected {
  const axes = axesOf(name, shape.length);
  const chosen = Object.entries(selection).filter(([axis, indices]) =>
    axis in SELECTION && indices !== undefined
  );
  for (const [axis] of chosen) {
    if (axes.includes(axis as Axis)) continue;
    throw new TypeError(`${name}: no ${axis} to select; its axes are ${axes.join(", ")}`);
  }
  return axes.map((axis, i) => {
    const indices = selection[axis];
    return indices === undefined ? undefined : new Set(indicesOf(name, axis, indices, shape[i]));
  });
}

/** 1 where every axis selects its index, otherwise 0. */
function products(shape: Shape, selected: Selected): Float32Array {
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
