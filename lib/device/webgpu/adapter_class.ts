/**
 * Classes of adapters, by their `GPUAdapterInfo`, and the kernels that each class uses for matrix
 * products unless others were measured to be faster.
 *
 * See tuning.ts for measured choices, lib/ops/matmul_kernels.ts for the kernels.
 *
 * @module
 */
import type { GemmKernels } from "./gemm_choice.ts";

/**
 * Kinds of adapters that need different kernels. `wide`: a thread has 128 registers or more, as on
 * AMD's and NVIDIA's GPUs; `narrow`: it has fewer, or nobody knows.
 */
export type AdapterClass = "software" | "apple" | "narrow" | "wide";

/** The names of an adapter, as browsers and Deno report them. */
export type AdapterNames = Pick<GPUAdapterInfo, "vendor" | "architecture" | "description">;

/** What is known of an adapter. */
export type AdapterFacts =
  & AdapterNames
  & Partial<Pick<GPUAdapterInfo, "isFallbackAdapter" | "subgroupMinSize">>;

/**
 * The kernels of each class: workgroup memory makes a software adapter no faster, and Apple's
 * caches are as fast; tiles of 128 take 120 registers a thread, which Intel's compiler spills, on
 * Arc as well. Source: the published figures of jax-js, jott, gpu.cpp and ONNX Runtime's WebGPU
 * kernels, and Mesa's compilers. Only `software` has been measured here.
 */
export const GEMM_KERNELS: Readonly<Record<AdapterClass, GemmKernels>> = {
  software: { small: "direct", large: "direct", gemv: "workgroup" },
  apple: { small: "tiled", large: "registers", gemv: "subgroup" },
  narrow: { small: "tiled", large: "tiled", gemv: "subgroup" },
  wide: { small: "tiled", large: "large", gemv: "subgroup" },
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

/** Threads that NVIDIA's and AMD's GPUs run in step at least; Intel's run 8 or 16. */
const WIDE_SUBGROUP = 32;

/**
 * The class of an adapter, by its vendor or, if a browser hides it, by its smallest subgroup;
 * nothing but software is told by its description.
 */
export function adapterClass(facts: AdapterFacts): AdapterClass {
  const { description, isFallbackAdapter, subgroupMinSize = 0 } = facts;
  if (isFallbackAdapter || /llvmpipe|swiftshader|lavapipe|basic render/i.test(description)) {
    return "software";
  }
  const vendor = VENDORS[facts.vendor] ?? facts.vendor.toLowerCase();
  if (vendor === "apple" || /^apple\b/i.test(description)) return "apple";
  if (vendor === "nvidia" || vendor === "amd") return "wide";
  const isKnown = Object.values(VENDORS).includes(vendor);
  return !isKnown && subgroupMinSize >= WIDE_SUBGROUP ? "wide" : "narrow";
}
