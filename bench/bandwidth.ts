/**
 * Benches of operations that are bound by memory: beside the time, the bytes an operation must move a second are printed.
 *
 * @module
 */
import { currentDevice } from "../lib/device/open_device.ts";
import { benchEachDevice } from "./devices.ts";

/**
 * `benchEachDevice` for an operation that reads and writes `bytes` at least. Prints a line for each device with the rate of its best round,
 * found before the benches start.
 */
export async function benchBandwidth(
  group: string,
  bytes: number,
  prepare: () => Promise<() => void>,
): Promise<void> {
  await benchEachDevice(group, async () => {
    const run = await prepare();
    const seconds = await bestRound(run);
    const rate = (bytes / seconds / 1e9).toPrecision(3);
    const microseconds = (seconds * 1e6).toPrecision(3);
    console.log(`${group}, ${currentDevice().kind}: ${microseconds} µs, ${rate} GB/s`);
    return run;
  });
}

/** Seconds that `run` takes in the best of some rounds; a round is long enough that waiting for the device counts little. */
async function bestRound(run: () => void): Promise<number> {
  const device = currentDevice();
  const round = async (runs: number) => {
    const start = performance.now();
    for (let i = 0; i < runs; i++) run();
    await device.finish();
    return (performance.now() - start) / 1e3;
  };
  const [rounds, shortest] = device.kind === "cpu" ? [10, 0.01] : [2, 0.3];
  let runs = 1;
  while (await round(runs) < shortest) runs *= 2;
  let best = Infinity;
  for (let i = 0; i < rounds; i++) best = Math.min(best, await round(runs) / runs);
  return best;
}
