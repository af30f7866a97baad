/**
 * What was measured on an adapter, kept in the Web Cache under the adapter's names and the
 * library's version.
 *
 * Nothing depends on it: where there is no cache, or the entry makes no sense, the table in
 * adapter_class.ts holds. Measuring is left to lib/ops/tune_products.ts and scripts/tune.ts.
 *
 * @module
 */
import { VERSION } from "../../version.ts";
import { type GemmKernels, GEMV_KERNELS, TILE_KERNELS } from "./gemm_choice.ts";
import type { Device } from "../device.ts";
import type { AdapterNames } from "./adapter_class.ts";
import { WebGpuDevice } from "./webgpu_device.ts";

const CACHE = "folio-tuning";

/** The choice kept for an adapter; undefined where there is none, or it cannot be read. */
export async function readTuning(adapter: AdapterNames): Promise<GemmKernels | undefined> {
  try {
    if (!await caches.has(CACHE)) return undefined;
    const response = await (await caches.open(CACHE)).match(addressOf(adapter));
    return response && checked(await response.json());
  } catch {
    return undefined; // no cache here, or an entry that is no JSON
  }
}

/**
 * Keeps a choice for a device's adapter; the next `openDevice` takes it. TypeError for another
 * device than WebGPU, Error where the Web Cache cannot be written.
 */
export async function keepTuning(device: Device, choice: GemmKernels): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.put(addressOf(adapterOf(device)), new Response(JSON.stringify(choice)));
}

/**
 * Forgets what was measured on a device's adapter; true where there was something. TypeError for
 * another device than WebGPU.
 */
export async function forgetTuning(device: Device): Promise<boolean> {
  const cache = await caches.open(CACHE);
  return await cache.delete(addressOf(adapterOf(device)));
}

function adapterOf(device: Device): AdapterNames {
  if (device instanceof WebGpuDevice) return device.adapter.info;
  throw new TypeError(`tuning: expected a WebGPU device, got '${device.kind}'`);
}

/** The key of an adapter in the Web Cache, which wants an address; nothing is fetched from it. */
export function addressOf({ vendor, architecture, description }: AdapterNames): string {
  const names = [VERSION, vendor, architecture, description].map(encodeURIComponent);
  return `https://tuning.invalid/${names.join("/")}`;
}

function checked(value: Partial<GemmKernels> | null): GemmKernels | undefined {
  const { small, large, gemv } = value ?? {};
  if (!TILE_KERNELS.includes(small!) || !TILE_KERNELS.includes(large!)) return undefined;
  return GEMV_KERNELS.includes(gemv!) ? { small: small!, large: large!, gemv: gemv! } : undefined;
}
