/**
 * A CPU device that measures how long each kernel of a compiled program takes.
 *
 * @module
 */
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import type { LoadedProgram } from "../lib/device/device.ts";
import type { Launch, Range } from "../lib/device/launch.ts";

/** A CPU device that keeps the launches of each loaded program, to time them. */
export class ProfilingDevice extends CpuDevice {
  /** The launches of each loaded program. */
  readonly loaded: (readonly Launch<Range>[])[] = [];

  override load(launches: readonly Launch<Range>[]): LoadedProgram {
    this.loaded.push(launches);
    return super.load(launches);
  }

  /**
   * Milliseconds of each kernel in one run of the launches, by name. Launches run one at a time, in
   * order, on their real inputs; for each the minimum of `rounds` runs counts.
   */
  profile(launches: readonly Launch<Range>[], rounds: number): Map<string, number> {
    const times = new Map<string, number>();
    const minima = this.minima(launches, rounds);
    launches.forEach(({ kernel }, i) => {
      times.set(kernel.name, (times.get(kernel.name) ?? 0) + minima[i]);
    });
    return times;
  }

  /** Milliseconds of each of the launches, the minimum of `rounds` runs. */
  minima(launches: readonly Launch<Range>[], rounds: number): number[] {
    const programs = launches.map((launch) => super.load([launch]));
    const minimum = programs.map(() => Infinity);
    for (let round = 0; round < rounds; round++) {
      programs.forEach((program, i) => {
        const start = performance.now();
        program.run(); // returns when it is done
        minimum[i] = Math.min(minimum[i], performance.now() - start);
      });
    }
    for (const program of programs) program.dispose();
    return minimum;
  }
}
