/**
 * Elementwise functions of two tensors with broadcasting, each with its derivative under it.
 *
 * Shapes broadcast as in NumPy: aligned at the last axis, a length of 1 stretches. At most four
 * axes may remain after neighbors that stretch alike are joined.
 *
 * @module
 */
import { BINARY, binary as cpu } from "../../kernels/cpu/binary.ts";
import activations from "../../kernels/webgpu/activations.wgsl" with { type: "text" };
import code from "../../kernels/webgpu/binary.wgsl" with { type: "text" };
import type { Kernel } from "../device/kernel.ts";
import { broadcastShapes, formatShape, sameShape, type Shape, size, strides } from "../shape.ts";
import { differentiable } from "../tensor/autograd.ts";
import { expectType, launch } from "../tensor/launch.ts";
import { sumTo } from "./reduce.ts";
import { empty, full, type Tensor } from "../tensor/tensor.ts";
import { negate, square } from "./unary.ts";

const KERNEL: Kernel = {
  name: "binary",
  reads: ["a", "b"],
  writes: ["c"],
  scalars: Object.fromEntries(
    ["count", "d1", "d2", "d3", "a0", "a1", "a2", "b0", "b1", "b2"]
      .map((name) => [name, "u32"]),
  ),
  webgpu: {
    code: activations + code,
    workgroups: ({ count }) => [Math.ceil(count / 256)],
  },
  cpu,
};

/** A tensor, or a number standing for a scalar on the other operand's device. */
export type Operand = Tensor | number;

/** `op(a, b)` without a derivative; `operation` is a key of the kernels' table. */
export function binary(operation: string, a: Tensor, b: Tensor): Tensor {
  expectType(operation, a, "f32");
  expectType(operation, b, "f32");
  const shape = broadcastShapes(a.shape, b.shape);
  const c = empty(shape, "f32", a.device);
  const OP = Object.keys(BINARY).indexOf(operation);
  const same = sameShape(a.shape, b.shape);
  const axes = same ? [{ length: c.size, a: 1, b: 1 }] : joinAxes(shape, a.shape, b.shape);
  if (axes.length > 4) {
    throw new TypeError(
      `${operation}: ${formatShape(a.shape)} and ${
        formatShape(b.shape)
      } stretch in more than four places`,
    );
  }
  while (axes.length < 4) axes.unshift({ length: 1, a: 0, b: 0 });
  const [x0, x1, x2, x3] = axes;
  const scalars = {
    count: c.size,
    ...{ d1: x1.length, d2: x2.length, d3: x3.length },
    ...{ a0: x0.a, a1: x1.a, a2: x2.a, b0: x0.b, b1: x1.b, b2: x2.b },
  };
  const constants = { OP, BROADCAST: same ? 0 : 1, A_STEP: x3.a, B_STEP: x3.b };
  launch(KERNEL, { a, b, c }, scalars, constants);
  return c;
}

/**
 * Axes of the result with each operand's stride, neighbors joined where both operands go on without
 * a gap.
 */
function joinAxes(shape: Shape, a: Shape, b: Shape): { length: number; a: number; b: number }[] {
  const step = (operand: Shape) => {
    const missing = shape.length - operand.length;
    const own = strides(operand);
    return shape.map((_, i) => i < missing || operand[i - missing] === 1 ? 0 : own[i - missing]);
  };
  const [stepA, stepB] = [step(a), step(b)];
  const axes: { length: number; a: number; b: number }[] = [];
  shape.forEach((length, i) => {
    if (length === 1) return;
    const last = axes.at(-1);
    const joins = last && last.a === stepA[i] * length && last.b === stepB[i] * length;
    if (joins) Object.assign(last, { length: last.length * length, a: stepA[i], b: stepB[i] });
    else axes.push({ length, a: stepA[i], b: stepB[i] });
  });
  return axes.length > 0 ? axes : [{ length: size(shape), a: 0, b: 0 }];
}

/** The two operands as tensors. */
function operands(a: Operand, b: Operand): [Tensor, Tensor] {
  const device = (typeof a === "number" ? b as Tensor : a).device;
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
    (dc) => [sumTo(dc, a.shape), sumTo(negate(dc), b.shape)],
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
    const db = negate(div(mul(dc, a), square(b)));
    return [sumTo(div(dc, b), a.shape), sumTo(db, b.shape)];
  });
}

/** The larger of a and b, elementwise; at a tie the gradient goes to a. */
export function maximum(left: Operand, right: Operand): Tensor {
  return pick("maximum", left, right, (a, b) => binary("greaterEqual", a, b));
}

/** The smaller of a and b, elementwise; at a tie the gradient goes to a. */
export function minimum(left: Operand, right: Operand): Tensor {
  return pick("minimum", left, right, (a, b) => binary("greaterEqual", b, a));
}

function pick(
  operation: string,
  left: Operand,
  right: Operand,
  takesA: (a: Tensor, b: Tensor) => Tensor,
): Tensor {
  const [a, b] = operands(left, right);
  return differentiable(binary(operation, a, b), [a, b], (dc) => {
    const mask = takesA(a, b);
    return [sumTo(mul(dc, mask), a.shape), sumTo(mul(dc, sub(1, mask)), b.shape)];
  });
}

/** 1 where a > b, else 0, elementwise. No gradient flows. */
export function greater(left: Operand, right: Operand): Tensor {
  return binary("greater", ...operands(left, right));
}

/** 1 where a = b, else 0, elementwise. No gradient flows. */
export function equal(left: Operand, right: Operand): Tensor {
  return binary("equal", ...operands(left, right));
}

/**
 * `yes` where the condition is not 0, else `no`, elementwise; the condition is 0 or 1 and gets no
 * gradient.
 */
export function where(condition: Tensor, yes: Operand, no: Operand): Tensor {
  return add(mul(condition, yes), mul(sub(1, condition), no));
}
