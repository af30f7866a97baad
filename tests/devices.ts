/**
 * Runs a test on every device: the CPU with one thread and with two, and WebGPU where there is an adapter.
 *
 * With FOLIO_REQUIRE_WEBGPU=1 a missing adapter fails instead of being reported as ignored.
 *
 * @module
 */
import type { Device } from "../lib/device/device.ts";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../lib/device/open_device.ts";
import { WebGpuDevice } from "../lib/device/webgpu/webgpu_device.ts";

const adapter = await navigator.gpu?.requestAdapter();
if (!adapter && Deno.env.get("FOLIO_REQUIRE_WEBGPU") === "1") {
  throw new Error("FOLIO_REQUIRE_WEBGPU=1, but there is no WebGPU adapter");
}

const opened = new Map<string, Promise<Device>>();

/** The device called `name`, opened once for the whole test process. */
export function sharedDevice(name: "cpu-1" | "cpu-2" | "webgpu"): Promise<Device> {
  let device = opened.get(name);
  if (!device) {
    device = name === "webgpu"
      ? WebGpuDevice.open(adapter!)
      : Promise.resolve(new CpuDevice({ threads: name === "cpu-1" ? 1 : 2 }));
    opened.set(name, device);
  }
  return device;
}

/** The names of the devices that are here. */
export const DEVICES = adapter
  ? ["cpu-1", "cpu-2", "webgpu"] as const
  : ["cpu-1", "cpu-2"] as const;

/** Registers a test for each device; `body` finds the device open as the current one. With `ignore` it is reported as ignored. */
export function forEachDevice(
  name: string,
  body: (device: Device) => Promise<void> | void,
  ignore = false,
): void {
  for (const device of ["cpu-1", "cpu-2", "webgpu"] as const) {
    Deno.test({
      name: `${name} (${device})`,
      ignore: ignore || (device === "webgpu" && !adapter),
      sanitizeOps: false,
      sanitizeResources: false,
      fn: async () => {
        const open = await sharedDevice(device);
        useDevice(open);
        await body(open);
      },
    });
  }
}
