/**
 * The contract of a device: memory, launches that run immediately, and lists of launches that are
 * loaded once and run many times.
 *
 * The two devices are lib/device/cpu and lib/device/webgpu. See recorder.ts for recording, plan.ts
 * for memory planning, lib/tensor for shapes and derivatives.
 *
 * @module
 */
import type { GemmPlan, GemmRequest } from "./gemm.ts";
import type { KernelForms } from "./kernel.ts";
import type { Allocation, Launch, Range } from "./launch.ts";
import type { Recorder } from "./recorder.ts";

/** A list of launches ready to run again and again. */
export interface LoadedProgram {
  /** Runs, or submits, the whole list in order. */
  run(): void;
  /** Releases its memory. */
  dispose(): void;
}

/**
 * Properties of a device on which launches depend besides sizes: its fastest ways and its limits.
 */
export interface DeviceTraits {
  /** Threads of a workgroup, which can share a sum; 1 if a chunk of the work has one thread. */
  readonly workgroupThreads: number;
  /** Whether kernels are faster with explicit vectorized (vec4) loads, for which sizes must fit. */
  readonly vec4Loads: boolean;
  /** Whether thousands of threads are needed for full occupancy, as on a hardware GPU. */
  readonly manyCores: boolean;
  /**
   * Whether launches return before they have run, so that callers must wait for them from time to
   * time.
   */
  readonly isAsynchronous: boolean;
  /**
   * Whether there is a kernel for products known to be symmetric, which computes half of them;
   * without one the kernels of whole products are faster.
   */
  readonly symmetricProducts: boolean;
  /** Whether weights in 8 and 4 bits are multiplied as integers, several at a time. */
  readonly integerProducts: boolean;
  /** Whether the CPU's kernels of products are faster with vectors of 256 bits. */
  readonly wideVectors: boolean;
  /** Largest head size of attention. */
  readonly maxHeadSize: number;
  /** Tokens to generate between two reads: reading takes over 10 ms on a GPU. */
  readonly tokensPerRead: number;
}

/** A device: memory, and the kernels that run on it. */
export interface Device {
  /** Kind of the device, the key of its form in a kernel. */
  readonly kind: keyof KernelForms;
  /** Properties on which launches depend. */
  readonly traits: DeviceTraits;
  /** One line for the user: what this is and why it was chosen. */
  readonly description: string;
  /** What would make it faster, if a setting would; a whole clause for the user. */
  readonly advice?: string;
  /**
   * While a program is recorded, launches go here instead of running.
   *
   * @internal
   */
  recorder: Recorder | undefined;
  /**
   * Chooses how this device computes a matrix product.
   *
   * @internal
   */
  chooseGemm(request: GemmRequest): GemmPlan;
  /**
   * New memory; its content is undefined.
   *
   * @internal
   * @throws {RangeError} if there is not enough
   */
  allocate(bytes: number): Allocation;
  /**
   * Releases memory; its content is undefined from then on.
   *
   * @internal
   */
  release(allocation: Allocation): void;
  /**
   * Copies from the host; the data may be changed as soon as this returns. Length and offset are
   * multiples of 4 bytes.
   *
   * @internal
   */
  write(target: Range, data: ArrayBufferView): void;
  /**
   * Copies to the host, after everything launched before.
   *
   * @internal
   */
  read(source: Range): Promise<ArrayBuffer>;
  /**
   * The same without waiting, if the host can read the device's memory.
   *
   * @internal
   */
  peek?(source: Range): ArrayBuffer;
  /**
   * The device's own memory, if the host can address it; not to be used across an await, which may
   * let a launch move it.
   *
   * @internal
   */
  hostBytes?(range: Range): Uint8Array<ArrayBuffer>;
  /**
   * Runs one kernel after everything launched before.
   *
   * @internal
   */
  launch(launch: Launch<Range>): void;
  /**
   * Makes a list of launches ready to be run again and again, in order; nothing runs yet.
   *
   * @internal
   */
  load(launches: readonly Launch<Range>[]): LoadedProgram;
  /**
   * Resolves when everything launched so far has run; rejects with the first error that a launch
   * caused.
   */
  finish(): Promise<void>;
  /** Memory in use, its peak, and the part that is the kernels' scratch memory, in bytes. */
  memory(): { used: number; peak: number; scratch: number };
  /** Ends threads and releases all memory; the device must not be used afterwards. */
  close(): void;
}
