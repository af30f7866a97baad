/**
 * Measured choices of kernels, stored in the Web Cache under the adapter's names and the library's
 * version.
 *
 * Nothing depends on them: if there is no cache, or the entry is malformed, the table in
 * adapter_class.ts is used. lib/ops/tune_products.ts measures.
 *
 * @module
 */
import { VERSION } from "../../version.ts";
import { type GemmKernels, GEMV_KERNELS, TILE_KERNELS } from "./gemm_choice.ts";
import type { Device } from "../device.ts";
import type { AdapterNames } from "./adapter_class.ts";
import type { WebGpuDevice } from "./webgpu_device.ts";

const CACHE = "folio-tuning";

/** The choice stored for an adapter; undefined if there is none, or it cannot be read. */
export async function readTuning(adapter: AdapterNames): Promise<GemmKernels | undefined> {
  try {
    if (!await caches.has(CACHE)) return undefined;
    const response = await (await caches.open(CACHE)).match(addressOf(adapter));
    return response && checked(await response.json());
  } catch {
    return undefined; // no cache, or an entry that is not JSON
  }
}

/**
 * Stores a choice for a device's adapter; later calls of `openDevice` use it.
 *
 * @throws {TypeError} if the device is not WebGPU
 * @throws {Error} if the Web Cache cannot be written
 */
export async function keepTuning(device: Device, choice: GemmKernels): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.put(addressOf(adapterOf(device)), new Response(JSON.stringify(choice)));
}

/**
 * Deletes the stored choice for a device's adapter; returns whether there was one.
 *
 * @throws {TypeError} if the device is not WebGPU
 */
export async function forgetTuning(device: Device): Promise<boolean> {
  const cache = await caches.open(CACHE);
  return await cache.delete(addressOf(adapterOf(device)));
}

/** The device as what it must be: only WebGPU's kernels are measured. */
export function expectWebGpu(operation: string, device: Device): WebGpuDevice {
  if (device.kind === "webgpu") return device as WebGpuDevice;
  throw new TypeError(`${operation}: expected a WebGPU device, got '${device.kind}'`);
}

function adapterOf(device: Device): AdapterNames {
  return expectWebGpu("tuning", device).adapter.info;
}

/** The key of an adapter in the Web Cache, which requires a URL; nothing is fetched from it. */
export function addressOf({ vendor, architecture, description }: AdapterNames): string {
  const names = [VERSION, vendor, architecture, description].map(encodeURIComponent);
  return `https://tuning.invalid/${names.join("/")}`;
}

function checked(value: Partial<GemmKernels> | null): GemmKernels | undefined {
  const { small, large, gemv, groups } = value ?? {};
  if (!TILE_KERNELS.includes(small!) || !TILE_KERNELS.includes(large!)) return undefined;
  if (!GEMV_KERNELS.includes(gemv!)) return undefined;
  const choice = { small: small!, large: large!, gemv: gemv! };
  if (groups === undefined) return choice;
  return Number.isInteger(groups) && groups > 0 ? { ...choice, groups } : undefined;
}
