/**
 * What a launch reads and writes, from which a program's memory (plan.ts) and the order of its
 * launches (cpu/dependencies.ts) follow.
 *
 * @module
 */
import type { Launch, Range } from "./launch.ts";

/** The buffers that a launch reads, and those that it writes; an updated one is among both. */
export interface Uses<Buffer> {
  /** Reads and updates. */
  readonly reads: Buffer[];
  /** Updates and writes. */
  readonly writes: Buffer[];
}

/** The buffers of a launch, or some of them, that its build of the kernel touches. */
export function present<Buffer>(
  buffers: readonly (Buffer | undefined)[],
): NonNullable<Buffer>[] {
  return buffers.filter((buffer): buffer is NonNullable<Buffer> => buffer !== undefined);
}

/** Number of a launch's first buffers that are only read. */
export function readCount({ kernel }: Launch<unknown>): number {
  return Object.keys(kernel.reads).length;
}

/** What a launch reads and writes. */
export function usesOf<Buffer>(launch: Launch<Buffer>): Uses<Buffer> {
  const reads = readCount(launch);
  const updates = Object.keys(launch.kernel.updates ?? {}).length;
  return {
    reads: present(launch.buffers.slice(0, reads + updates)),
    writes: present(launch.buffers.slice(reads)),
  };
}

/** Whether two ranges have bytes in common. */
export function overlap(a: Range, b: Range): boolean {
  return a.allocation === b.allocation && a.byteOffset < b.byteOffset + b.bytes &&
    b.byteOffset < a.byteOffset + a.bytes;
}
