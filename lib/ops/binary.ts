/**
 * Elementwise functions of two tensors with broadcasting, each with its derivative under it.
 *
 * Shapes broadcast as in NumPy: aligned at the last axis, a length of 1 stretches. At most four
 * axes may remain after neighbors that stretch alike are joined. See kernels/elementwise.ts for the
 * functions, where.ts for selecting between two tensors.
 *
 * @module
 */
import { differentiable } from "../tensor/autograd.ts";
import { binary, unary } from "../tensor/elementwise.ts";
import { sumTo } from "./reduce.ts";
import { full, Tensor } from "../tensor/tensor.ts";

/** A tensor, or a number, which is a scalar on the other operand's device. */
export type Operand = Tensor | number;

/** The two operands as tensors; the launch refuses what is neither a tensor nor a number. */
function operands(a: Operand, b: Operand): [Tensor, Tensor] {
  const device = [a, b].find((x) => x instanceof Tensor)?.device;
  const lift = (x: Operand) => typeof x === "number" ? full([], x, { device }) : x;
  return [lift(a), lift(b)];
}

/** a + b, elementwise. */
export function add(left: Operand, right: Operand): Tensor {
  const [a, b] = operands(left, right);
  return differentiable(
    binary("add", a, b),
    [a, b],
    (dc) => [sumTo(dc, a.shape), sumTo(dc, b.shape)],
  );
}

/** a − b, elementwise. */
export function sub(left: Operand, right: Operand): Tensor {
  const [a, b] = operands(left, right);
  return differentiable(
    binary("sub", a, b),
    [a, b],
    (dc) => [sumTo(dc, a.shape), sumTo(unary("negate", dc), b.shape)],
  );
}

/** a·b, elementwise. */
export function mul(left: Operand, right: Operand): Tensor {
  const [a, b] = operands(left, right);
  return differentiable(
    binary("mul", a, b),
    [a, b],
    (dc) => [sumTo(mul(dc, b), a.shape), sumTo(mul(dc, a), b.shape)],
  );
}

/** a / b, elementwise. */
export function div(left: Operand, right: Operand): Tensor {
  const [a, b] = operands(left, right);
  return differentiable(binary("div", a, b), [a, b], (dc) => {
    const db = unary("negate", div(mul(dc, a), unary("square", b)));
    return [sumTo(div(dc, b), a.shape), sumTo(db, b.shape)];
  });
}

/**
 * The larger of a and b, elementwise; at a tie the gradient goes to a. With NaN it is NaN on the
 * CPU and either of the two on WebGPU.
 */
export function maximum(left: Operand, right: Operand): Tensor {
  return pick("maximum", left, right, (a, b) => binary("greaterEqual", a, b));
}

/**
 * The smaller of a and b, elementwise; at a tie the gradient goes to a. With NaN it is NaN on the
 * CPU and either of the two on WebGPU.
 */
export function minimum(left: Operand, right: Operand): Tensor {
  return pick("minimum", left, right, (a, b) => binary("greaterEqual", b, a));
}

function pick(
  operation: "maximum" | "minimum",
  left: Operand,
  right: Operand,
  takesA: (a: Tensor, b: Tensor) => Tensor,
): Tensor {
  const [a, b] = operands(left, right);
  return differentiable(binary(operation, a, b), [a, b], (dc) => {
    const mask = takesA(a, b), other = binary("sub", full([], 1, { device: a.device }), mask);
    return [sumTo(binary("gate", dc, mask), a.shape), sumTo(binary("gate", dc, other), b.shape)];
  });
}

/** 1 if a > b, otherwise 0, elementwise. No gradient flows. */
export function greater(left: Operand, right: Operand): Tensor {
  return binary("greater", ...operands(left, right));
}

/** 1 if a = b, otherwise 0, elementwise. No gradient flows. */
export function equal(left: Operand, right: Operand): Tensor {
  return binary("equal", ...operands(left, right));
}
