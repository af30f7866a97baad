/**
 * Elementwise launches of one tensor and of two, without derivatives.
 *
 * See lib/ops/unary.ts and lib/ops/binary.ts for the differentiable functions; autograd.ts adds
 * gradients with `binary`.
 *
 * @module
 */
import { binary as cpuBinary } from "../../kernels/cpu/binary.ts";
import { unary as cpuUnary } from "../../kernels/cpu/unary.ts";
import {
  type Activation,
  backwardFunction,
  binaryFunction,
  type BinaryName,
  unaryFunction,
  type UnaryName,
} from "../../kernels/elementwise.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import type { KernelFunction } from "../device/kernel_function.ts";
import { broadcast, broadcastScalars } from "./broadcast.ts";
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

/** The function `name` of each element of x, without a derivative. */
export function unary(name: UnaryName, x: Tensor): Tensor {
  expectType(name, x, "f32");
  const y = empty(x.shape, { device: x.device });
  const kernel = { ...UNARY_KERNEL, functions: { apply: unaryFunction(name) } };
  launch(kernel, { x, y }, { count: x.size });
  return y;
}

const BINARY_KERNEL: Kernel = {
  name: "binary",
  reads: { a: "f32", b: "f32" },
  writes: { c: "f32" },
  scalars: Object.fromEntries(broadcastScalars(["a", "b"]).map((name) => [name, "u32"])),
  webgpu: {
    code: wgsl("binary"),
    threads: ({ count }) => count,
  },
  cpu: cpuBinary,
};

/** The function `name` of a and b, elementwise with broadcasting, without a derivative. */
export function binary(name: BinaryName, a: Tensor, b: Tensor): Tensor {
  return applyBinary(name, binaryFunction(name), a, b);
}

/** dy times the derivative of the activation `name` at x, elementwise. */
export function activationBackward(name: Activation, dy: Tensor, x: Tensor): Tensor {
  return applyBinary(`gradient of ${name}`, backwardFunction(name), dy, x);
}

function applyBinary(operation: string, apply: KernelFunction, a: Tensor, b: Tensor): Tensor {
  expectType(operation, a, "f32");
  expectType(operation, b, "f32");
  const { shape, scalars, constants } = broadcast(operation, { a, b });
  const c = empty(shape, { device: a.device });
  launch({ ...BINARY_KERNEL, functions: { apply } }, { a, b, c }, scalars, constants);
  return c;
}
