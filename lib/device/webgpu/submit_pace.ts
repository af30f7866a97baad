/**
 * How many submits a run of a program is cut into: so many that none takes long enough for a
 * watchdog to end the device, as Windows does after 2 s and Intel's driver after 7.5 s.
 *
 * Until its duration is known a program is cut into a few; one that runs fast is then one submit.
 *
 * @module
 */

/** A program whose runs are cut into `submits` parts. */
export interface PacedProgram {
  submits: number;
}

/** Submits of a run whose duration is not known yet. */
export const FIRST_SUBMITS = 16;
/** Maximum of submits of a run. */
const MAX_SUBMITS = 64;
/** Milliseconds that one submit may take, a tenth of the shortest watchdog's time. */
const SPAN = 200;

/** Number of submits for a run of so many milliseconds. */
export function submitsOf(milliseconds: number): number {
  return Math.min(MAX_SUBMITS, Math.max(1, Math.ceil(milliseconds / SPAN)));
}

/** `items` in `parts` parts of nearly equal length; none is empty. */
export function cutInParts<T>(items: readonly T[], parts: number): T[][] {
  const length = Math.ceil(items.length / parts);
  const starts = Array.from({ length: parts }, (_, i) => i * length);
  return starts.map((start) => items.slice(start, start + length)).filter((part) => part.length);
}

/** Measures runs between two waits for the GPU, and decides the submits of the next ones. */
export class SubmitPace {
  #start = 0;
  #runs = new Map<PacedProgram, number>();

  /** Counts a run that is submitted now. */
  count(program: PacedProgram): void {
    if (this.#runs.size === 0) this.#start = performance.now();
    this.#runs.set(program, (this.#runs.get(program) ?? 0) + 1);
  }

  /**
   * Ends the counting of runs before a wait for them; the returned function is called after the
   * wait. The time since the first run, idle or not, bounds what all of them took together.
   */
  beforeWait(): () => void {
    const [start, runs] = [this.#start, this.#runs];
    this.#runs = new Map();
    return () => {
      const elapsed = performance.now() - start;
      for (const [program, count] of runs) program.submits = submitsOf(elapsed / count);
    };
  }
}
