/**
 * Choosing and opening a device.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { CpuDevice } from "./cpu/cpu_device.ts";
import type { Device } from "./device.ts";
import { adapterClass } from "./webgpu/adapter_class.ts";
import { halfTrouble } from "../ops/half_check.ts";
import { readTuning } from "./webgpu/tuning.ts";
import { WebGpuDevice } from "./webgpu/webgpu_device.ts";

/** Which device to open. */
export interface DeviceOptions {
  /** `auto` takes WebGPU on real hardware, the CPU otherwise. Default `auto`. */
  device?: "auto" | "webgpu" | "cpu";
  /** Threads of the CPU device, 1–64. Default: all cores. */
  threads?: number;
  /**
   * Products on the CPU by a system BLAS: `auto` looks for MKL, OpenBLAS, BLIS and Accelerate,
   * anything else is a library's name or path. It needs `--allow-ffi`, runs outside WebAssembly's
   * sandbox, and sums in an order of its own; where it cannot be had, the description says why and
   * WebAssembly computes. Default: none.
   */
  blas?: string;
  /**
   * `f16` rounds the operands of the layers' products to half precision on WebGPU, forward and
   * backward; sums, weights and all else stay f32. Where the adapter cannot do it well, and on the
   * CPU, the description says why and products are in f32. Default `f32`.
   */
  precision?: "f32" | "f16";
}

let current: Device | undefined;

/**
 * Opens a device and makes it the one that new tensors live on.
 *
 * Throws a UserError when `webgpu` is asked for and no adapter is there, RangeError for a number of
 * threads out of range.
 *
 * ```ts
 * import { openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * console.log(device.description, await tensor([1, 2, 3]).data());
 * device.close();
 * ```
 */
export async function openDevice(options: DeviceOptions = {}): Promise<Device> {
  return current = await choose(options);
}

/** The device that new tensors live on: the one opened last. Error when none is open. */
export function currentDevice(): Device {
  if (!current) throw new Error("no device is open: call `await openDevice()` first");
  return current;
}

/** Makes an open device the one that new tensors live on. */
export function useDevice(device: Device): void {
  current = device;
}

/** Runs `f`, in which new tensors live on `device`; afterwards they live where they did before. */
export function onDevice<T>(device: Device, f: () => T): T {
  const before = current;
  current = device;
  try {
    return f();
  } finally {
    current = before;
  }
}

async function choose(options: DeviceOptions): Promise<Device> {
  const { device = "auto", precision = "f32", ...cpu } = options;
  const openCpu = (reason: string) => {
    const half = precision === "f16" ? "; products are in f32: half precision is for WebGPU" : "";
    return new CpuDevice({ ...cpu, reason: reason + half });
  };
  if (device === "cpu") return openCpu("as asked");
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (device === "webgpu") {
    if (adapter) return await openAdapter(adapter, "as asked", precision);
    throw new UserError(
      "device 'webgpu': no adapter was found. Install a Vulkan, Metal or D3D12 driver (Debian: mesa-vulkan-drivers), or use the device 'cpu'",
    );
  }
  if (!adapter) return openCpu("no WebGPU adapter was found");
  if (adapterClass(adapter.info) === "software") {
    return openCpu(`the only WebGPU adapter, ${adapter.info.description}, is software`);
  }
  return await openAdapter(adapter, "a GPU was found", precision);
}

async function openAdapter(
  adapter: GPUAdapter,
  reason: string,
  precision: "f32" | "f16",
): Promise<Device> {
  const tuned = await readTuning(adapter.info);
  const device = await WebGpuDevice.open(adapter, { reason, tuned });
  if (precision === "f16") {
    const trouble = await halfTrouble(device);
    if (!trouble) device.precision = "f16";
    device.description += `; products are in ${trouble ? `f32: ${trouble}` : "f16, sums in f32"}`;
  }
  return device;
}
