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
import type { QuantizedMatrix } from "./quantized_matrix.ts";

const KERNEL: Kernel = {
  name: "quantized_embedding",
  reads: { table: "i32", ids: "i32" },
  writes: { y: "f32" },
  scalars: { rows: "u32", width: "u32", count: "u32" },
  webgpu: { code: wgsl("quantized_embedding"), threads: ({ count, width }) => count * width },
  cpu,
};

/**
 * table[ids]: a table of V rows of C weights, ids i32 [...] → [...,C]. An id outside the table
 * counts as the nearest one inside. No gradient flows.
 *
 * @throws {TypeError} if the table's group does not divide C, or ids are not i32
 */
export function quantizedEmbedding(table: QuantizedMatrix, ids: Tensor): Tensor {
  expectType("quantizedEmbedding", ids, "i32");
  const { outputs: rows, inputs: width, group, bits, type } = table;
  if (width % group !== 0) {
    throw new TypeError(
      `quantizedEmbedding: expected a group that divides the width ${width}, got ${group}`,
    );
  }
  const y = empty([...ids.shape, width], { device: ids.device });
  const buffers = { table: table.blocks, ids, y };
  const constants = { GROUP: group, BITS: bits, F16: type === "f16" ? 1 : 0 };
  launch(KERNEL, buffers, { rows, width, count: ids.size }, constants);
  return y;
}
