/**
 * Pipelines, one for each kernel and set of constants, made at first use and kept.
 *
 * The bind-group layout comes from the kernel's own lists of buffers, so that a buffer which one
 * build of a kernel leaves untouched still has its binding.
 *
 * @module
 */
import { bufferNames, type Constants, type Kernel, kernelKey } from "../kernel.ts";

/** A pipeline with what it takes to make its bind groups. */
export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  /** For each binding, whether the kernel writes it. */
  readonly writable: readonly boolean[];
}

/** The pipelines of one GPU device. */
export class Pipelines {
  readonly #made = new Map<string, Pipeline>();
  readonly #modules = new Map<string, GPUShaderModule>();

  constructor(readonly gpu: GPUDevice, readonly enablesSubgroups: boolean) {}

  /** The pipeline of this build of the kernel. TypeError when the kernel has no WGSL. */
  get(kernel: Kernel, constants: Constants): Pipeline {
    const key = kernelKey(kernel, constants);
    let pipeline = this.#made.get(key);
    if (!pipeline) this.#made.set(key, pipeline = this.#make(kernel, constants, key));
    return pipeline;
  }

  #make(kernel: Kernel, constants: Constants, label: string): Pipeline {
    const writable = bufferNames(kernel).map((_, i) => i >= kernel.reads.length);
    const layout = this.gpu.createBindGroupLayout({
      label,
      entries: layoutEntries(kernel, writable),
    });
    const pipeline = this.gpu.createComputePipeline({
      label,
      layout: this.gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: this.#module(kernel), entryPoint: "main", constants },
    });
    return { pipeline, layout, writable };
  }

  #module(kernel: Kernel): GPUShaderModule {
    if (!kernel.webgpu) {
      throw new TypeError(`${kernel.name}: it has no WebGPU kernel; run it with the device 'cpu'`);
    }
    const code = this.#directives(kernel.webgpu.features) + kernel.webgpu.code;
    let module = this.#modules.get(code);
    if (!module) {
      module = this.gpu.createShaderModule({ label: `${kernel.name}.wgsl`, code });
      this.#modules.set(code, module);
    }
    return module;
  }

  #directives(features: readonly GPUFeatureName[] = []): string {
    const names = features.map((feature) => feature === "shader-f16" ? "f16" : feature);
    return names.filter((name) => name !== "subgroups" || this.enablesSubgroups)
      .map((name) => `enable ${name};\n`).join("");
  }
}

/**
 * Whether `enable subgroups;` may stand in WGSL: Tint requires it where subgroups are used, naga
 * has them without and takes it for an error.
 */
export async function acceptsEnableSubgroups(gpu: GPUDevice): Promise<boolean> {
  if (!gpu.features.has("subgroups" as GPUFeatureName)) return false;
  gpu.pushErrorScope("validation");
  gpu.createShaderModule({ code: "enable subgroups;" });
  return await gpu.popErrorScope() === null;
}

function layoutEntries(kernel: Kernel, writable: boolean[]): GPUBindGroupLayoutEntry[] {
  const entries: GPUBindGroupLayoutEntry[] = writable.map((write, binding) => ({
    binding,
    visibility: GPUShaderStage.COMPUTE,
    buffer: { type: write ? "storage" : "read-only-storage" },
  }));
  if (Object.keys(kernel.scalars).length > 0) {
    const buffer = { type: "uniform" as const };
    entries.push({ binding: writable.length, visibility: GPUShaderStage.COMPUTE, buffer });
  }
  return entries;
}
