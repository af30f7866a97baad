/**
 * Runs a test on every device: the CPU with one thread and with two, and WebGPU if there is an
 * adapter.
 *
 * With FOLIO_REQUIRE_WEBGPU=1 a missing adapter fails instead of being reported as ignored.
 *
 * @module
 */
import { loadSources } from "../../kernels/webgpu/wgsl.ts";
import type { Device } from "../../lib/device/device.ts";
import { CpuDevice } from "../../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../../lib/device/current_device.ts";
import { WebGpuDevice } from "../../lib/device/webgpu/webgpu_device.ts";

// WebGPU would open OpenGL beside Vulkan, and a test's worker thread that ends while the process
// runs OpenGL's own exit code corrupts the heap: 6 of 320 runs of a test with one compute pass,
// after its "ok". Without OpenGL it does not happen.
Deno.env.set("DENO_WEBGPU_BACKEND", "vulkan,metal,dx12");

const adapter = await navigator.gpu?.requestAdapter();
if (!adapter && Deno.env.get("FOLIO_REQUIRE_WEBGPU") === "1") {
  throw new Error("FOLIO_REQUIRE_WEBGPU=1, but there is no WebGPU adapter");
}

const opened = new Map<string, Promise<Device>>();

/**
 * A device of the tests: the CPU with one thread, with two, with two and vectors of 256 bits, with
 * two and a system BLAS, or WebGPU.
 */
export type DeviceName = "cpu-1" | "cpu-2" | "cpu-wide" | "cpu-blas" | "webgpu";

/** The device called `name`, opened once for the whole test process. */
export function sharedDevice(name: DeviceName): Promise<Device> {
  let device = opened.get(name);
  if (!device) {
    device = name === "webgpu"
      ? loadSources().then(() => WebGpuDevice.open(adapter!))
      : Promise.resolve(
        new CpuDevice({
          threads: name === "cpu-1" ? 1 : 2,
          wideVectors: name === "cpu-wide",
          blas: name === "cpu-blas" ? "auto" : undefined,
        }),
      );
    opened.set(name, device);
  }
  return device;
}

const hasBlas = (() => {
  const device = new CpuDevice({ threads: 1, blas: "auto" });
  device.close();
  return device.blas !== undefined;
})();

/** What a test of products runs on: all of them. */
export const ALL_DEVICES: readonly DeviceName[] = [
  "cpu-1",
  "cpu-2",
  "cpu-wide",
  "cpu-blas",
  "webgpu",
];

function isHere(name: DeviceName): boolean {
  if (name === "webgpu") return adapter !== null && adapter !== undefined;
  return name !== "cpu-blas" || hasBlas;
}

/**
 * Registers a test for each device; `body` finds the device open as the current one. With `ignore`
 * it is reported as ignored.
 */
export function forEachDevice(
  name: string,
  body: (device: Device) => Promise<void> | void,
  ignore = false,
  devices: readonly DeviceName[] = ["cpu-1", "cpu-2", "webgpu"],
): void {
  for (const device of devices) {
    Deno.test({
      name: `${name} (${device})`,
      ignore: ignore || !isHere(device),
      sanitizeOps: false,
      sanitizeResources: false,
      fn: async () => {
        const open = await sharedDevice(device);
        useDevice(open);
        await body(open);
        await open.finish(); // a process must not end while its device works
      },
    });
  }
}

/** The same for kernels that have a form in vectors of 256 bits. */
export function forEachWideDevice(name: string, body: (device: Device) => Promise<void>): void {
  forEachDevice(name, body, false, ["cpu-1", "cpu-2", "cpu-wide", "webgpu"]);
}
