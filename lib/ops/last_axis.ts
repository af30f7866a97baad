/**
 * Any axis for operations whose kernels go over the last one.
 *
 * @module
 */
import { normalizeAxis } from "../shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { transpose } from "./transpose.ts";

/**
 * `f`, a function over rows, along `axis`: the axis changes places with the last one before and
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
