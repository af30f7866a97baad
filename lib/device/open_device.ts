/**
 * Choosing and opening a device.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { CpuDevice } from "./cpu/cpu_device.ts";
import type { Device } from "./device.ts";
import { adapterClass } from "./webgpu/adapter_class.ts";
import { readTuning } from "./webgpu/tuning.ts";
import { WebGpuDevice } from "./webgpu/webgpu_device.ts";

/** Which device to open. */
export interface DeviceOptions {
  /** `auto` takes WebGPU on real hardware, the CPU otherwise. Default `auto`. */
  device?: "auto" | "webgpu" | "cpu";
  /** Threads of the CPU device, 1–64. Default: all cores. */
  threads?: number;
  /**
   * Products on the CPU by a system BLAS: `auto` looks for MKL, OpenBLAS, BLIS and Accelerate, anything else is a library's name or path. It needs
   * `--allow-ffi`, runs outside WebAssembly's sandbox, and sums in an order of its own; where it cannot be had, the description says why and
   * WebAssembly computes. Default: none.
   */
  blas?: string;
}

let current: Device | undefined;

/**
 * Opens a device and makes it the one that new tensors live on.
 *
 * Throws a UserError when `webgpu` is asked for and no adapter is there, RangeError for a number of threads out of range.
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

async function choose({ device = "auto", ...cpu }: DeviceOptions): Promise<Device> {
  if (device === "cpu") return new CpuDevice({ ...cpu, reason: "as asked" });
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (device === "webgpu") {
    if (adapter) return await openAdapter(adapter, "as asked");
    throw new UserError(
      "device 'webgpu': no adapter was found. Install a Vulkan, Metal or D3D12 driver (Debian: mesa-vulkan-drivers), or use the device 'cpu'",
    );
  }
  if (!adapter) return new CpuDevice({ ...cpu, reason: "no WebGPU adapter was found" });
  if (adapterClass(adapter.info) === "software") {
    const reason = `the only WebGPU adapter, ${adapter.info.description}, is software`;
    return new CpuDevice({ ...cpu, reason });
  }
  return await openAdapter(adapter, "a GPU was found");
}

async function openAdapter(adapter: GPUAdapter, reason: string): Promise<Device> {
  return await WebGpuDevice.open(adapter, { reason, tuned: await readTuning(adapter.info) });
}
