/**
 * Dawn, Chromium's WebGPU, without a GPU: it validates every module, pipeline, bind group and
 * dispatch as Chromium does, with WebGPU's default limits, and runs nothing.
 *
 * The package is for development alone: 24 MB with a native addon, pinned.
 *
 * @module
 */

const PACKAGE = "npm:webgpu@0.6.2";

/** Dawn ends when this is collected, and its devices then crash the process. */
let dawn: GPU | undefined;

/** Dawn's adapter that runs nothing, or the reason why there is none. */
export async function nullAdapter(): Promise<GPUAdapter | string> {
  try {
    const { create } = await import(PACKAGE) as { create(options: string[]): GPU };
    dawn ??= create(["backend=null"]);
    return await dawn.requestAdapter() ?? "Dawn has no null adapter here";
  } catch (error) {
    return `${PACKAGE} cannot be loaded: ${(error as Error).message.split("\n")[0]}`;
  }
}

/** A build of a kernel as a GPU device received it. */
export interface Build {
  /** The kernel's key: its name, functions and constants. */
  readonly label: string;
  /** Its module's WGSL. */
  readonly code: string;
  /** The values of its `override` constants. */
  readonly constants: Readonly<Record<string, number>>;
}

/** Records every pipeline that is made on `gpu` from now on. */
export function recordBuilds(gpu: GPUDevice): Build[] {
  const builds: Build[] = [];
  const codes = new Map<GPUShaderModule, string>();
  const { createShaderModule, createComputePipeline } = gpu;
  const note = ({ label = "", compute }: GPUComputePipelineDescriptor) => {
    const constants = compute.constants as Record<string, number> ?? {};
    builds.push({ label, code: codes.get(compute.module)!, constants });
  };
  gpu.createShaderModule = (descriptor) => {
    const module = createShaderModule.call(gpu, descriptor);
    codes.set(module, descriptor.code);
    return module;
  };
  gpu.createComputePipeline = (descriptor) => {
    note(descriptor);
    return createComputePipeline.call(gpu, descriptor);
  };
  return builds;
}
