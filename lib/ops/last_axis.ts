/**
 * Applies operations whose kernels use the last axis to any axis.
 *
 * @module
 */
import { normalizeAxis } from "../shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { transpose } from "./transpose.ts";

/**
 * Applies `f`, a function over rows, along `axis`: the axis is swapped with the last one before and
 * after.
 */
export function overLastAxis(
  operation: string,
  x: Tensor,
  axis: number,
  f: (rows: Tensor) => Tensor,
): Tensor {
  const order = [...x.shape.keys()];
  const at = normalizeAxis(operation, axis, order.length), last = order.length - 1;
  if (at === last) return f(x);
  [order[at], order[last]] = [last, at];
  return transpose(f(transpose(x, order)), order);
}
