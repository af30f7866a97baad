/**
 * Rows of a token table that is kept in 16, 8 or 4 bits, selected by ids.
 *
 * See quantized_matrix.ts for rounding, embedding.ts for tables in f32.
 *
 * @module
 */
import { quantizedEmbedding as cpu } from "../../kernels/cpu/quantized_embedding.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { expectType, launch } from "../tensor/launch.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import { formatConstants } from "./dequantize.ts";
import type { QuantizedMatrix } from "./quantized_matrix.ts";

const KERNEL: Kernel = {
  name: "quantized_embedding",
  reads: { w: "i32", ids: "i32" },
  writes: { y: "f32" },
  scalars: { rows: "u32", width: "u32", count: "u32" },
  webgpu: { code: wgsl("quantized_embedding"), threads: ({ count, width }) => count * width },
  cpu,
};

/**
 * table[ids]: a table of V rows of C weights, ids i32 [...] → [...,C]. An id outside the table
 * counts as the nearest one inside. No gradient flows.
 *
 * @throws {TypeError} if ids are not i32
 */
export function quantizedEmbedding(table: QuantizedMatrix, ids: Tensor): Tensor {
  expectType("quantizedEmbedding", ids, "i32");
  const { outputs: rows, inputs: width } = table;
  const y = empty([...ids.shape, width], { device: ids.device });
  const buffers = { w: table.blocks, ids, y };
  launch(KERNEL, buffers, { rows, width, count: ids.size }, formatConstants(table));
  return y;
}
