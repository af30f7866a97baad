/**
 * Registers a bench for each device of this machine, and prints its rate and how much that is of
 * the device's limits.
 *
 * The devices are the CPU with one thread and with all threads, for matmuls also with a system
 * BLAS, and WebGPU if there is an adapter. On each device a bench is prepared and its result
 * checked before it is timed. Waiting for a GPU costs Deno 10 ms, so an iteration on a GPU is
 * several runs, whose number is in the bench's name; a software adapter is so slow that one run is
 * enough. roofline.ts measures the limits, once.
 *
 * @module
 */
import { loadSources } from "../kernels/webgpu/wgsl.ts";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import type { Device } from "../lib/device/device.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { WebGpuDevice } from "../lib/device/webgpu/webgpu_device.ts";
import { bestSeconds } from "./best_seconds.ts";
import { measureRoofline, type Roofline } from "./roofline.ts";

interface BenchDevice {
  readonly name: string;
  readonly device: Device;
  readonly roofline: Roofline;
}

/** Minimal work of an operation, from which its rate is computed. */
export interface Work {
  /** Multiplications and additions (FLOP), for operations bound by arithmetic. */
  operations?: number;
  /** Bytes read and written, for operations bound by memory bandwidth. */
  bytes?: number;
  /** True for matmuls: also time the CPU with a system BLAS, if one is found. Default false. */
  products?: boolean;
  /** False leaves out software adapters, for benches that would take them minutes. Default true. */
  software?: boolean;
}

const devices = await openDevices();

async function openDevices(): Promise<BenchDevice[]> {
  const all = new CpuDevice();
  const opened: [string, Device][] = [["cpu, 1 thread", new CpuDevice({ threads: 1 })]];
  if (all.threads > 1) opened.push([`cpu, ${all.threads} threads`, all]);
  const native = new CpuDevice({ blas: "auto" });
  if (native.blas) opened.push([`cpu, ${native.threads} threads, ${native.blas.name}`, native]);
  const adapter = await navigator.gpu?.requestAdapter();
  if (adapter) {
    await loadSources();
    opened.push(["webgpu", await WebGpuDevice.open(adapter)]);
  }
  const measured: BenchDevice[] = [];
  for (const [name, device] of opened) {
    useDevice(device);
    const roofline = await measureRoofline(device);
    const limits = [`${giga(roofline.operations)} GFLOP/s`, `${giga(roofline.bytes)} GB/s`];
    console.log(`${device.description}: ${limits[0]} in registers, ${limits[1]} from memory`);
    measured.push({ name, device, roofline });
  }
  return measured;
}

/**
 * Registers a group of benches, one per device, and prints the rate of each. `prepare` is called
 * with the device as the current one; it checks the result and returns the function to time, which
 * may return before the device is done.
 */
export async function benchEachDevice(
  group: string,
  work: Work,
  prepare: () => Promise<() => void>,
): Promise<void> {
  for (const { name, device, roofline } of devices) {
    if (device instanceof CpuDevice && device.blas && !work.products) continue;
    const isSoftware = device.kind === "webgpu" && !device.traits.manyCores;
    if (isSoftware && work.software === false) continue;
    useDevice(device);
    const run = await prepare();
    console.log(rateLine(`${group}, ${name}`, await bestSeconds(device, run), work, roofline));
    const runs = device.traits.manyCores ? 20 : 1;
    Deno.bench({
      name: `${group}, ${name}${runs > 1 ? ` × ${runs}` : ""}`,
      group,
      async fn() {
        for (let i = 0; i < runs; i++) run();
        await device.finish();
      },
    });
  }
}

/**
 * `add [768,512], cpu, 1 thread: 142 µs, 33.2 GB/s (160 % of memory's 20.8)`; data in caches is
 * read faster than memory allows.
 */
function rateLine(
  name: string,
  seconds: number,
  { operations, bytes }: Work,
  roofline: Roofline,
): string {
  const share = (rate: number, limit: number) => `${Math.round(100 * rate / limit)} % of`;
  const parts = [formatSeconds(seconds)];
  if (operations !== undefined) {
    const [rate, limit] = [operations / seconds, roofline.operations];
    parts.push(`${giga(rate)} GFLOP/s (${share(rate, limit)} ${giga(limit)})`);
  }
  if (bytes !== undefined) {
    const [rate, limit] = [bytes / seconds, roofline.bytes];
    parts.push(`${giga(rate)} GB/s (${share(rate, limit)} memory's ${giga(limit)})`);
  }
  return `${name}: ${parts.join(", ")}`;
}

function giga(rate: number): string {
  return (rate / 1e9).toPrecision(3);
}

function formatSeconds(seconds: number): string {
  return seconds < 1e-3
    ? `${(seconds * 1e6).toPrecision(3)} µs`
    : `${(seconds * 1e3).toPrecision(3)} ms`;
}
