/**
 * Classes of adapters, by their `GPUAdapterInfo`, and the kernels that each class uses for matrix
 * products unless others were measured to be faster.
 *
 * See tuning.ts for measured choices, lib/ops/matmul_kernels.ts for the kernels.
 *
 * @module
 */
import type { GemmKernels } from "./gemm_choice.ts";

/** Kinds of adapters that need different kernels. */
export type AdapterClass = "software" | "apple" | "integrated" | "discrete";

/** The names of an adapter, as browsers and Deno report them. */
export type AdapterNames = Pick<GPUAdapterInfo, "vendor" | "architecture" | "description">;

/**
 * The kernels of each class: workgroup memory makes a software adapter no faster, and Apple's
 * caches are as fast; small GPUs have too few cores for tiles of 128. Source: the published figures
 * of jax-js, jott, gpu.cpp and ONNX Runtime's WebGPU kernels. Only `software` has been measured
 * here.
 */
export const GEMM_KERNELS: Readonly<Record<AdapterClass, GemmKernels>> = {
  software: { small: "direct", large: "direct", gemv: "workgroup" },
  apple: { small: "tiled", large: "registers", gemv: "subgroup" },
  integrated: { small: "tiled", large: "tiled", gemv: "subgroup" },
  discrete: { small: "tiled", large: "large", gemv: "subgroup" },
};

/** PCI numbers of vendors, for Deno, which reports no names. */
const VENDORS: Readonly<Record<string, string>> = {
  "4098": "amd",
  "4203": "apple",
  "4318": "nvidia",
  "5045": "arm",
  "20803": "qualcomm",
  "32902": "intel",
};

/** The class of an adapter; an unknown one is integrated, whose kernels require the least. */
export function adapterClass(info: AdapterNames & { isFallbackAdapter?: boolean }): AdapterClass {
  const { description } = info;
  if (info.isFallbackAdapter || /llvmpipe|swiftshader|lavapipe|basic render/i.test(description)) {
    return "software";
  }
  const vendor = VENDORS[info.vendor] ?? info.vendor.toLowerCase();
  if (vendor === "apple" || /^apple\b/i.test(description)) return "apple";
  if (vendor === "nvidia" || /nvidia|geforce|radeon (rx|pro)|\barc\b/i.test(description)) {
    return "discrete";
  }
  const isIntegrated = /graphics|vega|raphael|renoir|cezanne|phoenix|apu/i.test(description);
  return vendor === "amd" && !isIntegrated ? "discrete" : "integrated";
}
