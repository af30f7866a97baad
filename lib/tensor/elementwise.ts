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
  scalars: Object.fromEntries(broadcastScalars(["a", "b"]).map((name) => [name, "u32"])),
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
  const { shape, scalars, constants } = broadcast(operation, { a, b });
  const c = empty(shape, { device: a.device });
  const OP = Object.keys(BINARY).indexOf(operation);
  launch(BINARY_KERNEL, { a, b, c }, scalars, { OP, ...constants });
  return c;
}
