/**
 * Cache of pipelines, one for each kernel, set of constants and set of buffers, built at first use.
 *
 * The bind-group layout follows from the kernel's descriptor, as its WGSL declarations do
 * (wgsl_module.ts). A buffer that a launch leaves out has no binding.
 *
 * @module
 */
import { bufferNames, type Constants, type Kernel, kernelKey } from "../kernel.ts";
import { wgslModule } from "./wgsl_module.ts";

/**
 * Storage buffers that a launch binds at most: WebGPU's default limit, which adapters guarantee.
 */
const STORAGE_BUFFERS = 8;

/** A pipeline with the layout of its bind groups. */
export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** The pipelines of one GPU device. */
export class Pipelines {
  readonly #made = new Map<string, Pipeline>();
  readonly #modules = new Map<string, GPUShaderModule>();

  constructor(readonly gpu: GPUDevice, readonly enablesSubgroups: boolean) {}

  /**
   * The pipeline of this build of the kernel, with the buffers that are `present` by their place in
   * its descriptor.
   *
   * @throws {TypeError} if the kernel has no WGSL, or more than 8 buffers are present
   */
  get(kernel: Kernel, constants: Constants, present: readonly boolean[]): Pipeline {
    const absent = bufferNames(kernel).filter((_, i) => !present[i]);
    const key = [kernelKey(kernel, constants), ...absent].join(",-");
    let pipeline = this.#made.get(key);
    if (!pipeline) {
      this.#made.set(key, pipeline = this.#make(kernel, constants, present));
    }
    return pipeline;
  }

  #make(kernel: Kernel, constants: Constants, present: readonly boolean[]): Pipeline {
    const label = kernelKey(kernel, constants);
    const buffers = present.filter((isPresent) => isPresent).length;
    if (buffers > STORAGE_BUFFERS) {
      throw new TypeError(
        `${kernel.name}: expected at most ${STORAGE_BUFFERS} buffers on WebGPU, got ${buffers}`,
      );
    }
    const entries = layoutEntries(kernel, present);
    const layout = this.gpu.createBindGroupLayout({ label, entries });
    const pipeline = this.gpu.createComputePipeline({
      label,
      layout: this.gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: this.#module(kernel, present), entryPoint: "main", constants },
    });
    return { pipeline, layout };
  }

  #module(kernel: Kernel, present: readonly boolean[]): GPUShaderModule {
    if (!kernel.webgpu) {
      throw new TypeError(`${kernel.name}: it has no WebGPU kernel; run it with the device 'cpu'`);
    }
    const code = this.#directives(kernel.webgpu.features) + wgslModule(kernel, present);
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
 * Whether WGSL may contain `enable subgroups;`: Tint requires it if subgroups are used, naga does
 * not and rejects it.
 */
export async function acceptsEnableSubgroups(gpu: GPUDevice): Promise<boolean> {
  if (!gpu.features.has("subgroups" as GPUFeatureName)) return false;
  gpu.pushErrorScope("validation");
  gpu.createShaderModule({ code: "enable subgroups;" });
  return await gpu.popErrorScope() === null;
}

function layoutEntries(kernel: Kernel, present: readonly boolean[]): GPUBindGroupLayoutEntry[] {
  const entry = (binding: number, type: GPUBufferBindingType): GPUBindGroupLayoutEntry => (
    { binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } }
  );
  const reads = Object.keys(kernel.reads).length;
  const entries = present.flatMap((isPresent, i) =>
    isPresent ? [entry(i, i < reads ? "read-only-storage" : "storage")] : []
  );
  if (Object.keys(kernel.scalars).length > 0) entries.push(entry(present.length, "uniform"));
  return entries;
}
