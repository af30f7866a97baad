/**
 * Elementwise launches of one tensor and of two, without derivatives.
 *
 * See lib/ops/unary.ts and lib/ops/binary.ts for the differentiable functions; autograd.ts adds
 * gradients with `binary`.
 *
 * @module
 */
import { BINARY, binary as cpuBinary } from "../../kernels/cpu/binary.ts";
import { UNARY, unary as cpuUnary } from "../../kernels/cpu/unary.ts";
import { wgsl } from "../../kernels/webgpu/sources.ts";
import type { Kernel } from "../device/kernel.ts";
import { broadcastShapes, formatShape, sameShape, type Shape, size, strides } from "../shape.ts";
import { expectType, launch } from "./launch.ts";
import { empty, type Tensor } from "./tensor.ts";

const UNARY_KERNEL: Kernel = {
  name: "unary",
  reads: { x: "f32" },
  writes: { y: "f32" },
  scalars: { count: "u32" },
  webgpu: {
    code: wgsl("unary"),
    threads: ({ count }) => count,
  },
  cpu: cpuUnary,
};

/** `op(x)` without a derivative; `operation` is a key of the kernels' table. */
export function unary(operation: string, x: Tensor): Tensor {
  expectType(operation, x, "f32");
  const y = empty(x.shape, { device: x.device });
  const OP = Object.keys(UNARY).indexOf(operation);
  launch(UNARY_KERNEL, { x, y }, { count: x.size }, { OP });
  return y;
}

const BINARY_KERNEL: Kernel = {
  name: "binary",
  reads: { a: "f32", b: "f32" },
  writes: { c: "f32" },
  scalars: Object.fromEntries(
    ["count", "d1", "d2", "d3", "a0", "a1", "a2", "b0", "b1", "b2"]
      .map((name) => [name, "u32"]),
  ),
  webgpu: {
    code: wgsl("binary"),
    threads: ({ count }) => count,
  },
  cpu: cpuBinary,
};

/** `op(a, b)` without a derivative; `operation` is a key of the kernels' table. */
export function binary(operation: string, a: Tensor, b: Tensor): Tensor {
  expectType(operation, a, "f32");
  expectType(operation, b, "f32");
  const shape = broadcastShapes(a.shape, b.shape);
  const c = empty(shape, { device: a.device });
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
  launch(BINARY_KERNEL, { a, b, c }, scalars, constants);
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
