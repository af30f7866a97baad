/**
 * Edits of the values at hook points, as data.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { add, mul } from "../ops/binary.ts";
import { embedding } from "../ops/embedding.ts";
import { mean } from "../ops/reduce.ts";
import { where } from "../ops/where.ts";
import { checkOptions } from "../options.ts";
import { Random } from "../random.ts";
import { formatShape, sameShape, type Shape } from "../shape.ts";
import { Tensor, tensor, zeros } from "../tensor/tensor.ts";
import { SELECTION, type Selection, selectionMask } from "./point_axes.ts";

/**
 * One change of the value at a point, of the selected elements only: exactly one of `zero`, `mean`,
 * `set`, `add`, `patch` and `resample`.
 */
export interface Edit extends Selection {
  /** Set to 0. */
  zero?: true;
  /** Set to the mean over the batch, which needs two sequences or more. */
  mean?: true;
  /** Set to a number, or to a tensor that broadcasts to the value. */
  set?: number | Tensor;
  /** Add a number, or a tensor that broadcasts to the value, such as a steering vector. */
  add?: number | Tensor;
  /** Factor of `add`. Default: 1. */
  scale?: number;
  /** Set to the value of another pass, of the same shape or of one sequence. */
  patch?: Tensor;
  /** Set to the value of another sequence of the batch, drawn with this seed. */
  resample?: number;
}

const ACTIONS = ["zero", "mean", "set", "add", "patch", "resample"] as const;
const FIELDS = { ...SELECTION, scale: true, ...Object.fromEntries(ACTIONS.map((a) => [a, true])) };

/**
 * Checks an edit as far as that is possible without a value.
 *
 * @throws {TypeError} unless it is one change, of known fields
 */
export function expectEdit(name: string, edit: Edit): void {
  checkOptions(name, edit, FIELDS as Record<keyof Edit, true>);
  const given = ACTIONS.filter((action) => edit[action] !== undefined);
  if (given.length !== 1) {
    const got = given.length === 0 ? "none" : given.join(" and ");
    throw new TypeError(`${name}: expected one of ${ACTIONS.join(", ")}, got ${got}`);
  }
  if (edit.scale !== undefined && edit.add === undefined) {
    throw new TypeError(`${name}: scale is for add, got ${given[0]}`);
  }
  for (const action of ["zero", "mean"] as const) {
    if (edit[action] === undefined || edit[action] === true) continue;
    throw new TypeError(`${name}: expected ${action}: true, got ${describe(edit[action])}`);
  }
}

/** The value at a point after an edit. Gradients flow. */
export function applyEdit(name: string, value: Tensor, edit: Edit): Tensor {
  const mask = selectionMask(name, value, edit);
  const edited = editedWhole(name, value, edit);
  return mask ? where(mask, edited, value) : edited;
}

function editedWhole(name: string, value: Tensor, edit: Edit): Tensor {
  const { shape, device } = value;
  const spread = (x: Tensor) => sameShape(x.shape, shape) ? x : add(zeros(shape, { device }), x);
  if (edit.zero) return zeros(shape, { device });
  if (edit.mean) return spread(mean(several(name, "mean", value), { axis: 0 }));
  if (edit.set !== undefined) {
    return spread(operand(name, "set", edit.set, value));
  }
  if (edit.add !== undefined) {
    const { scale = 1 } = edit;
    const term = operand(name, "add", edit.add, value);
    return add(value, scale === 1 ? term : mul(term, scale));
  }
  if (edit.patch !== undefined) return spread(patched(name, edit.patch, value));
  return resampled(several(name, "resample", value), edit.resample!);
}

/** A number or a tensor that broadcasts to the value. */
function operand(name: string, action: string, given: number | Tensor, value: Tensor): Tensor {
  if (typeof given === "number") return tensor(given, { device: value.device });
  const fits = given instanceof Tensor && given.dtype === "f32" &&
    broadcasts(given.shape, value.shape);
  if (fits) return given;
  throw new TypeError(
    `${name}: expected ${action} as a number or as f32 that broadcasts to ` +
      `${formatShape(value.shape)}, got ${given instanceof Tensor ? given : describe(given)}`,
  );
}

function broadcasts(from: Shape, to: Shape): boolean {
  const offset = to.length - from.length;
  return offset >= 0 && from.every((length, i) => length === 1 || length === to[i + offset]);
}

/** The value of another pass. */
function patched(name: string, patch: Tensor, value: Tensor): Tensor {
  const fits = patch instanceof Tensor && patch.dtype === "f32" &&
    [value.shape, value.shape.with(0, 1)].some((shape) => sameShape(shape, patch.shape));
  if (fits) return patch;
  throw new TypeError(
    `${name}: expected patch f32 ${formatShape(value.shape)}, or of one sequence, got ` +
      `${patch instanceof Tensor ? patch : describe(patch)}`,
  );
}

/** The value, if it is of several sequences. */
function several(name: string, action: string, value: Tensor): Tensor {
  if (value.shape[0] > 1) return value;
  throw new RangeError(
    `${name}: ${action} needs two sequences or more, because it changes nothing with one; ` +
      "set or patch takes the value of another pass",
  );
}

/** Each sequence's value becomes that of another. */
function resampled(value: Tensor, seed: number): Tensor {
  const [batch] = value.shape;
  const order = cycle(batch, new Random(seed));
  const index = tensor(order, { device: value.device });
  return embedding(value.view([batch, value.size / batch]), index).view(value.shape);
}

/** A permutation of one cycle (Sattolo's algorithm): nothing stays in its place. */
function cycle(length: number, random: Random): Int32Array {
  const order = Int32Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const j = random.integer(i);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
