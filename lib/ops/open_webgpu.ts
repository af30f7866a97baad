/**
 * Opens a WebGPU adapter with its kernels. It is loaded when an adapter is used: the device and the
 * texts of its kernels are seventy files that a program on the CPU does not need.
 *
 * @module
 */
import { loadSources } from "../../kernels/webgpu/wgsl.ts";
import type { OpenWebGpuOptions } from "../device/choose_device.ts";
import { readTuning } from "../device/webgpu/tuning.ts";
import { WebGpuDevice } from "../device/webgpu/webgpu_device.ts";
import { checkHalfPrecision } from "./check_half_precision.ts";

/**
 * Opens `adapter` with the kernels that were measured on it, in half precision only if that is
 * accurate enough.
 */
export async function openWebGpu(
  adapter: GPUAdapter,
  { reason, precision }: OpenWebGpuOptions,
): Promise<WebGpuDevice> {
  const [tuned] = await Promise.all([readTuning(adapter.info), loadSources()]);
  const device = await WebGpuDevice.open(adapter, { reason, tuned });
  if (precision === "f16") useHalfPrecision(device, await checkHalfPrecision(device));
  return device;
}

/** Turns half precision on unless there is `trouble` with it; the description says which. */
function useHalfPrecision(device: WebGpuDevice, trouble: string | undefined): void {
  if (!trouble) device.precision = "f16";
  device.description += `; products are in ${trouble ? `f32: ${trouble}` : "f16, sums in f32"}`;
}
