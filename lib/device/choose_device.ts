/**
 * Chooses a device and opens it.
 *
 * See lib/ops/open_device.ts for the public `openDevice`, current_device.ts for the device that new
 * tensors are on.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { expectValue, oneOf } from "../rules.ts";
import { CpuDevice } from "./cpu/cpu_device.ts";
import type { Device } from "./device.ts";
import { adapterClass } from "./webgpu/adapter_class.ts";

/** Options of `openDevice`. */
export interface DeviceOptions {
  /** `auto` takes WebGPU on real hardware, the CPU otherwise. Default `auto`. */
  device?: "auto" | "webgpu" | "cpu";
  /**
   * Threads of the CPU device, 1–64; one, with the reason in the description, in a page that is not
   * cross-origin isolated and on a page's main thread. Default: all cores.
   */
  threads?: number;
  /**
   * System BLAS for matrix products on the CPU: `auto` looks for MKL, OpenBLAS, BLIS and
   * Accelerate, anything else is a library's name or path. It needs `--allow-ffi`, runs outside
   * WebAssembly's sandbox, and sums in its own order. If it cannot be opened, the description says
   * why and WebAssembly computes. Default: none.
   */
  blas?: string;
  /**
   * Precision of the operands of the layers' matmuls, forward and backward: `f16` rounds them to
   * half precision on WebGPU; sums, weights and everything else stay f32. If the adapter is not
   * accurate enough, and on the CPU, the description says why and products are in f32. To train,
   * give the optimizer `lossScaling: true`. Default `f32`.
   */
  precision?: "f32" | "f16";
}

/** How an adapter is opened. */
export interface OpenWebGpuOptions {
  /** Reason why the adapter was chosen, for the description. */
  reason: string;
  /** Precision of the operands of the layers' matmuls, if the adapter is accurate enough. */
  precision: "f32" | "f16";
}

/**
 * Opens an adapter. It checks half precision with the kernels of lib/ops, so it is passed as an
 * argument (lib/ops/open_webgpu.ts).
 */
export type OpenWebGpu = (adapter: GPUAdapter, options: OpenWebGpuOptions) => Promise<Device>;

/**
 * Opens the device that `options` name, an adapter with `openWebGpu`.
 *
 * @throws {UserError} if the device is `webgpu` and there is no adapter
 * @throws {RangeError} if a value is not one of the choices, or the number of threads out of range
 */
export async function chooseDevice(
  options: DeviceOptions,
  openWebGpu: OpenWebGpu,
): Promise<Device> {
  const { device = "auto", precision = "f32", ...cpu } = options;
  expectValue("openDevice: device", oneOf(["auto", "webgpu", "cpu"]), device);
  expectValue("openDevice: precision", oneOf(["f32", "f16"]), precision);
  const openCpu = (reason: string) => {
    const half = precision === "f16" ? "; products are in f32: half precision is for WebGPU" : "";
    return new CpuDevice({ ...cpu, reason: reason + half });
  };
  if (device === "cpu") return openCpu("as requested");
  const adapter = await globalThis.navigator?.gpu?.requestAdapter({
    powerPreference: "high-performance",
  });
  if (device === "webgpu") {
    if (adapter) return await openWebGpu(adapter, { reason: "as requested", precision });
    throw new UserError(
      "device 'webgpu': no adapter was found. Install a Vulkan, Metal or D3D12 driver (Debian: mesa-vulkan-drivers), or use the device 'cpu'",
    );
  }
  if (!adapter) return openCpu("no WebGPU adapter was found");
  if (adapterClass(adapter.info) === "software") {
    return openCpu(`the only WebGPU adapter, ${adapter.info.description}, is software`);
  }
  return await openWebGpu(adapter, { reason: "a GPU was found", precision });
}
