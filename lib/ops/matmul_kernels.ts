/**
 * The kernels of matrix products, by the names by which a device chooses them (lib/device/gemm.ts).
 *
 * @module
 */
import { matmul as cpu } from "../../kernels/cpu/matmul.ts";
import { matmulBlas } from "../../kernels/cpu/matmul_blas.ts";
import { matmulRows as cpuRows } from "../../kernels/cpu/matmul_rows.ts";
import { matmulWide } from "../../kernels/cpu/matmul_wide.ts";
import { matmulRowsSum } from "../../kernels/cpu/matmul_rows_sum.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { ElementType, Kernel, WebGpuKernel } from "../device/kernel.ts";
import type { RowsKernel, TilesKernel } from "../device/gemm.ts";

const EPILOGUE = { bias: "f32", residual: "f32", pre: "f32" } as const;

/** Buffers of a product whose operands are read one `element` at a time. */
const buffers = (element: ElementType) => ({
  reads: { a: element, b: element, ...EPILOGUE },
  writes: { c: "f32", saved: "f32" } as const,
});

const words = (...names: string[]) =>
  Object.fromEntries(names.map((name) => [name, "u32" as const]));

/** A workgroup for each block of `rows` by `columns` of the result. */
const blocks = (rows: number, columns: number, code: WebGpuKernel["code"]): WebGpuKernel => ({
  code,
  grid: ({ m, n, batch }) => [Math.ceil(n / columns), Math.ceil(m / rows), batch],
});

const tiles = (name: string, webgpu: WebGpuKernel, element: ElementType = "f32"): Kernel => ({
  name,
  ...buffers(element),
  scalars: words("m", "n", "k", "batch", "strideA", "strideB"),
  webgpu,
  cpu,
});

const full = {
  direct: tiles("matmul_direct", blocks(8, 128, wgsl("matmul_direct")), "vec4f"),
  registers: tiles("matmul_registers", blocks(64, 64, wgsl("matmul_registers")), "vec4f"),
  tiled: tiles("matmul", blocks(64, 64, wgsl("matmul", "matmul_full"))),
  large: tiles("matmul_large", blocks(128, 128, wgsl("matmul_large", "matmul_full"))),
};

const inHalf = (webgpu: WebGpuKernel): WebGpuKernel => ({ ...webgpu, features: ["shader-f16"] });

/**
 * The kernels that compute tiles: on WebGPU in full precision, or through workgroup memory with
 * operands rounded to half precision; on the CPU in tiles of 128- or 256-bit vectors, or by a
 * system BLAS.
 */
export const TILES: Readonly<Record<TilesKernel, Kernel>> = {
  ...full,
  tiled_half: tiles("matmul_half", inHalf(blocks(64, 64, wgsl("matmul", "matmul_half")))),
  large_half: tiles(
    "matmul_large_half",
    inHalf(blocks(128, 128, wgsl("matmul_large", "matmul_half"))),
  ),
  wide: { ...full.tiled, name: "matmul_wide", webgpu: undefined, cpu: matmulWide },
  blas: { ...full.tiled, name: "matmul_blas", webgpu: undefined, cpu: matmulBlas },
};

/** Columns of a workgroup of matmul_rows_vec4.wgsl. */
const COLUMNS = 32;

const gemv = (name: string, webgpu: WebGpuKernel, element: ElementType = "f32"): Kernel => ({
  name,
  ...buffers(element),
  scalars: words("m", "n", "k", "parts"),
  webgpu,
  cpu: cpuRows,
});

const gemvVec4 = (sum: "matmul_rows_workgroup" | "matmul_rows_subgroup"): WebGpuKernel => ({
  code: wgsl("matmul_rows_vec4", sum),
  workgroups: ({ n }) => Math.ceil(n / COLUMNS),
});

/** The kernels for few rows of A (GEMV), which read B once. */
export const GEMV: Readonly<Record<RowsKernel, Kernel>> = {
  scalar: gemv("matmul_rows", {
    code: wgsl("matmul_rows"),
    workgroups: ({ n }, { SLICES }) => Math.ceil(n * SLICES / 256),
  }),
  workgroup: gemv("matmul_rows_vec4", gemvVec4("matmul_rows_workgroup"), "vec4f"),
  subgroup: gemv("matmul_rows_subgroup", {
    ...gemvVec4("matmul_rows_subgroup"),
    features: ["subgroups"],
  }, "vec4f"),
};

/** Sums the parts of a product of few rows whose k was divided (split-K), with the epilogue. */
export const GEMV_SUM: Kernel = {
  name: "matmul_rows_sum",
  reads: { partial: "f32", ...EPILOGUE },
  writes: { c: "f32", saved: "f32" },
  scalars: words("n", "parts"),
  cpu: matmulRowsSum,
};
