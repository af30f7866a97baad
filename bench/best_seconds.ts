/**
 * Time of one run of a function on a device: the minimum of several rounds.
 *
 * @module
 */
import type { Device } from "../lib/device/device.ts";

/**
 * Seconds per call of `run`, the minimum of at least two rounds; rounds are repeated for `seconds`,
 * 0.2 by default. A round has enough calls that starting it and waiting for the device are a small
 * part of its time.
 */
export async function bestSeconds(
  device: Device,
  run: () => void,
  seconds = 0.2,
): Promise<number> {
  const round = async (runs: number) => {
    const start = performance.now();
    for (let i = 0; i < runs; i++) run();
    await device.finish();
    return (performance.now() - start) / 1e3;
  };
  const shortest = device.kind === "cpu" ? 0.005 : 0.1;
  let [runs, took] = [1, await round(1)];
  for (; took < shortest; took = await round(runs)) runs *= 2;
  const end = performance.now() + 1e3 * seconds;
  let best = took;
  do best = Math.min(best, await round(runs)); while (performance.now() < end);
  return best / runs;
}
