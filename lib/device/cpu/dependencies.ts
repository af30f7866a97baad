/**
 * Which launches of a program must be done before another may start: those that write what it
 * reads or writes, and those that read what it writes.
 *
 * The scheduler lets threads go on to a launch while others still compute earlier ones on which it
 * does not depend, such as a weight's gradient beside its input's.
 *
 * @module
 */
import type { Launch, Range } from "../launch.ts";
import { overlap, type Uses, usesOf } from "../launch_uses.ts";

/** For each launch the number of the program's first launches that must be done before it. */
export function dependencies(launches: readonly Launch<Range>[]): number[] {
  const uses = launches.map(usesOf);
  return uses.map((mine, i) => {
    for (let before = i; before > 0; before--) if (conflict(uses[before - 1], mine)) return before;
    return 0;
  });
}

function conflict(earlier: Uses<Range>, later: Uses<Range>): boolean {
  return share(earlier.writes, later.reads) || share(earlier.writes, later.writes) ||
    share(earlier.reads, later.writes);
}

function share(some: readonly Range[], others: readonly Range[]): boolean {
  return some.some((a) => others.some((b) => overlap(a, b)));
}
