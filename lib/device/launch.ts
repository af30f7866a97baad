/**
 * Types of the device contract: memory, ranges of it, and launches of kernels on them.
 *
 * See device.ts for what a device does with them.
 *
 * @module
 */
import type { Constants, Kernel, Scalars } from "./kernel.ts";

/** Device memory. Only the device that allocated it accesses its content. */
export interface Allocation {
  /** Bytes that may be used, at least those requested. */
  readonly bytes: number;
  /** Whether every byte is 0 until the first write, as in memory that was never used. */
  readonly zeroed: boolean;
}

/** A range of an allocation. Offsets are multiples of 256 bytes. */
export interface Range {
  /** The memory that the range is part of. */
  readonly allocation: Allocation;
  /** Bytes from the allocation's start to the range's, a multiple of 256. */
  readonly byteOffset: number;
  /** Length in bytes. */
  readonly bytes: number;
}

/**
 * A range whose place may be unknown until the program in which it is recorded has been planned.
 */
export interface Placeable extends Range {
  /** True until the range has its place. */
  readonly pending: boolean;
  /** True once its memory has been released. */
  readonly disposed: boolean;
  /** Gives it its place. */
  place(range: Range): void;
  /** How often it was touched: what is computed with it has changed. */
  readonly touches: number;
  /** Counts in `Storage.changes`, from now on, when it is moved, freed or touched. */
  watch(): void;
  /** Releases its memory. */
  dispose(): void;
}

/**
 * A kernel with everything it needs to run; a buffer that this build of the kernel never touches is
 * undefined.
 */
export interface Launch<Buffer> {
  /** The kernel to run. */
  readonly kernel: Kernel;
  /** Constants of the kernel's build, by name; each set of them is a separate build. */
  readonly constants: Constants;
  /** Numbers of this launch, by the names of the kernel's `scalars`. */
  readonly scalars: Scalars;
  /** In binding order: reads, updates, writes. */
  readonly buffers: readonly (Buffer | undefined)[];
}
