/**
 * Registers a bench for each device that is here: the CPU with all threads, and WebGPU where there is an adapter.
 *
 * Each prepares itself first, and checks its result there. Waiting for a GPU costs Deno 10 ms, so there an iteration is several runs; its
 * name says how many. A software adapter is slow enough for one.
 *
 * @module
 */
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import type { Device } from "../lib/device/device.ts";
import { useDevice } from "../lib/device/open_device.ts";
import { WebGpuDevice } from "../lib/device/webgpu/webgpu_device.ts";

const adapter = await navigator.gpu?.requestAdapter();
const devices: Device[] = [new CpuDevice()];
if (adapter) devices.push(await WebGpuDevice.open(adapter));
for (const device of devices) console.log(device.description);

const isSoftware = adapter?.info.isFallbackAdapter ?? false;
const RUNS = isSoftware ? 1 : 20;

/**
 * Registers a group of benches, one a device. `prepare` finds the device open as the current one, checks the result, and gives the function
 * to time, which may return before the device is done. `software` false leaves out an adapter that is none of hardware: for what takes it
 * minutes. Default true.
 */
export async function benchEachDevice(
  group: string,
  prepare: () => Promise<() => void>,
  { software = true } = {},
): Promise<void> {
  for (const device of devices) {
    if (device.kind === "webgpu" && isSoftware && !software) continue;
    useDevice(device);
    const run = await prepare();
    const runs = device.kind === "webgpu" ? RUNS : 1;
    Deno.bench({
      name: `${group}, ${device.kind}${runs > 1 ? ` × ${runs}` : ""}`,
      group,
      async fn() {
        for (let i = 0; i < runs; i++) run();
        await device.finish();
      },
    });
  }
}
