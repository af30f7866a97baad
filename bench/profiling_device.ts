/**
 * A CPU device that says where a compiled program's time goes.
 *
 * @module
 */
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import type { LoadedProgram } from "../lib/device/device.ts";
import type { Launch, Range } from "../lib/device/launch.ts";

/** A CPU device that remembers the programs that it loaded. */
export class ProfilingDevice extends CpuDevice {
  /** Each program's launches. */
  readonly loaded: (readonly Launch<Range>[])[] = [];

  override load(launches: readonly Launch<Range>[]): LoadedProgram {
    this.loaded.push(launches);
    return super.load(launches);
  }

  /**
   * Milliseconds of each kernel in one run of the launches, by name. They run one by one, in order,
   * on the values that they really meet; of `rounds` runs the least counts for each launch.
   */
  profile(launches: readonly Launch<Range>[], rounds: number): Map<string, number> {
    const programs = launches.map((launch) => super.load([launch]));
    const least = programs.map(() => Infinity);
    for (let round = 0; round < rounds; round++) {
      programs.forEach((program, i) => {
        const start = performance.now();
        program.run(); // returns when it is done
        least[i] = Math.min(least[i], performance.now() - start);
      });
    }
    for (const program of programs) program.dispose();
    const times = new Map<string, number>();
    launches.forEach(({ kernel }, i) => {
      times.set(kernel.name, (times.get(kernel.name) ?? 0) + least[i]);
    });
    return times;
  }
}
