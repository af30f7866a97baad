/**
 * The weights of a rounded matrix as f32.
 *
 * See quantized_matrix.ts for rounding.
 *
 * @module
 */
import { dequantize as cpu } from "../../kernels/cpu/dequantize.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Constants, Kernel } from "../device/kernel.ts";
import { launch } from "../tensor/launch.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import type { QuantizedMatrix } from "./quantized_matrix.ts";

const KERNEL: Kernel = {
  name: "dequantize",
  reads: { w: "i32" },
  writes: { y: "f32" },
  scalars: { rows: "u32", width: "u32" },
  webgpu: { code: wgsl("dequantize"), threads: ({ rows, width }) => rows * width },
  cpu,
};

/** How a matrix is stored, in a kernel's constants. */
export function formatConstants({ group, bits, type }: QuantizedMatrix): Constants {
  return { GROUP: group, BITS: bits, F16: type === "f16" ? 1 : 0 };
}

/**
 * W, f32 [outputs, inputs]: in 8 and 4 bits scale · integer, rounded once; in 16 exact. No gradient
 * flows.
 *
 * ```ts
 * import { dequantizeMatrix, openDevice, quantizeMatrix } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const weight = quantizeMatrix(Float32Array.of(1, -0.5), [1, 2], { bits: 16, transposed: true });
 * console.log(await dequantizeMatrix(weight).data()); // [1, -0.5]
 * device.close();
 * ```
 */
export function dequantizeMatrix(matrix: QuantizedMatrix): Tensor {
  const { outputs: rows, inputs: width, blocks } = matrix;
  const y = empty([rows, width], { device: blocks.device });
  launch(KERNEL, { w: blocks, y }, { rows, width }, formatConstants(matrix));
  return y;
}
