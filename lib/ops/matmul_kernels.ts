/**
 * The kernels of matrix products, by name. Which of them a product takes is left to product.ts.
 *
 * @module
 */
import { matmul as cpu } from "../../kernels/cpu/matmul.ts";
import { matmulBlas } from "../../kernels/cpu/matmul_blas.ts";
import { matmulRows as cpuRows } from "../../kernels/cpu/matmul_rows.ts";
import { matmulRowsSum } from "../../kernels/cpu/matmul_rows_sum.ts";
import activationChoice from "../../kernels/webgpu/activation_choice.wgsl" with { type: "text" };
import activations from "../../kernels/webgpu/activations.wgsl" with { type: "text" };
import tiled from "../../kernels/webgpu/matmul.wgsl" with { type: "text" };
import direct from "../../kernels/webgpu/matmul_direct.wgsl" with { type: "text" };
import epilogue from "../../kernels/webgpu/matmul_epilogue.wgsl" with { type: "text" };
import fours from "../../kernels/webgpu/matmul_fours.wgsl" with { type: "text" };
import full from "../../kernels/webgpu/matmul_full.wgsl" with { type: "text" };
import half from "../../kernels/webgpu/matmul_half.wgsl" with { type: "text" };
import large from "../../kernels/webgpu/matmul_large.wgsl" with { type: "text" };
import registers from "../../kernels/webgpu/matmul_registers.wgsl" with { type: "text" };
import rows from "../../kernels/webgpu/matmul_rows.wgsl" with { type: "text" };
import subgroupSum from "../../kernels/webgpu/matmul_rows_subgroup.wgsl" with { type: "text" };
import workgroupSum from "../../kernels/webgpu/matmul_rows_workgroup.wgsl" with { type: "text" };
import slices from "../../kernels/webgpu/matmul_slices.wgsl" with { type: "text" };
import four from "../../kernels/webgpu/operand_four.wgsl" with { type: "text" };
import one from "../../kernels/webgpu/operand_one.wgsl" with { type: "text" };
import tile from "../../kernels/webgpu/matmul_tile.wgsl" with { type: "text" };
import type { Kernel, WebGpuKernel } from "../device/kernel.ts";
import type { RowsKernel, TileKernel } from "../device/matmul_choice.ts";

const BUFFERS = { reads: ["a", "b", "bias", "residual", "pre"], writes: ["c", "saved"] };

const words = (...names: string[]) =>
  Object.fromEntries(names.map((name) => [name, "u32" as const]));

/** A workgroup for each part of the result with so many rows and columns. */
const parts = (rows: number, columns: number, code: string): WebGpuKernel => ({
  code: activations + activationChoice + epilogue + tile + code,
  workgroups: ({ m, n, batch }) => [Math.ceil(n / columns), Math.ceil(m / rows), batch],
});

const tiles = (name: string, webgpu: WebGpuKernel): Kernel => ({
  name,
  ...BUFFERS,
  scalars: words("m", "n", "k", "batch", "strideA", "strideB", "rows", "columns", "depth"),
  webgpu,
  cpu,
});

/** The kernels of tiles; the CPU's form, the same in all, is that of its own threads. */
export const TILES: Readonly<Record<TileKernel, Kernel>> = {
  direct: tiles("matmul_direct", parts(8, 128, four + fours + direct)),
  registers: tiles("matmul_registers", parts(64, 64, four + fours + registers)),
  tiled: tiles("matmul", parts(64, 64, one + full + slices + tiled)),
  large: tiles("matmul_large", parts(128, 128, one + full + slices + large)),
};

const inHalf = (webgpu: WebGpuKernel): WebGpuKernel => ({ ...webgpu, features: ["shader-f16"] });

/** The kernels through workgroup memory, with operands rounded to half precision there. */
export const HALF_TILES: Readonly<Record<"tiled" | "large", Kernel>> = {
  tiled: tiles("matmul_half", inHalf(parts(64, 64, one + half + slices + tiled))),
  large: tiles("matmul_large_half", inHalf(parts(128, 128, one + half + slices + large))),
};

/** For a CPU with a system BLAS. */
export const BLAS: Kernel = {
  ...TILES.tiled,
  name: "matmul_blas",
  webgpu: undefined,
  cpu: matmulBlas,
};

const fewRows = (name: string, sum: string, features: readonly GPUFeatureName[] = []): Kernel => ({
  name,
  ...BUFFERS,
  scalars: words("n", "k", "share"),
  webgpu: {
    code: activations + activationChoice + one + epilogue + rows + sum,
    features,
    workgroups: ({ n }, { SLICES }) => [Math.ceil(n * SLICES / 256)],
  },
  cpu: cpuRows,
});

/** The kernels for few rows of A, which read B once. */
export const ROWS: Readonly<Record<RowsKernel, Kernel>> = {
  workgroup: fewRows("matmul_rows", workgroupSum),
  subgroup: fewRows("matmul_rows_subgroup", subgroupSum, ["subgroups"]),
};

/** Ends a product of few rows that was cut along k. */
export const ROWS_SUM: Kernel = {
  name: "matmul_rows_sum",
  reads: ["partial", "bias", "residual", "pre"],
  writes: ["c", "saved"],
  scalars: words("n", "parts"),
  cpu: matmulRowsSum,
};
