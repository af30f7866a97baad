/**
 * The time of one run of something on a device: the least of several rounds.
 *
 * @module
 */
import type { Device } from "../lib/device/device.ts";

/**
 * Seconds that `run` takes in the best of the rounds that fit in `seconds`, 0.2 by default. A round
 * is long enough that starting it and waiting for the device count little; there are at least two.
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
