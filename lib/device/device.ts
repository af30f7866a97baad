/**
 * The contract of a device: memory, launches that run immediately, and lists of launches that are
 * loaded once and run many times.
 *
 * The two devices are lib/device/cpu and lib/device/webgpu. See recorder.ts for recording, plan.ts
 * for memory planning, lib/tensor for shapes and derivatives.
 *
 * @module
 */
import type { Allocation, Launch, Range } from "./launch.ts";
import type { MatmulChoice } from "./matmul_choice.ts";
import type { Recorder } from "./recorder.ts";

/** A list of launches ready to run again and again. */
export interface LoadedProgram {
  /** Runs, or submits, the whole list in order. */
  run(): void;
  /** Gives its memory back. */
  dispose(): void;
}

/** What runs kernels. */
export interface Device {
  /** Which of the two devices this is: WebAssembly threads or a GPU. */
  readonly kind: "cpu" | "webgpu";
  /** Whether this is a GPU adapter made of software, such as llvmpipe. */
  readonly isSoftware?: boolean;
  /** On WebGPU, which kernels matrix products take. */
  readonly matmul?: MatmulChoice;
  /**
   * Of the operands of the layers' products; sums, weights and everything else are f32. Default
   * f32.
   */
  readonly precision?: "f32" | "f16";
  /** The least number of threads in a subgroup; undefined where kernels cannot use them. */
  readonly subgroupSize?: number;
  /** The system BLAS that computes products, where the user asked for one. */
  readonly blas?: { readonly name: string };
  /** One line for the user: what this is and why it was chosen. */
  readonly description: string;
  /**
   * While a program is recorded, launches go here instead of running.
   *
   * @internal
   */
  recorder: Recorder | undefined;
  /**
   * New memory; its content is undefined. RangeError when there is not enough.
   *
   * @internal
   */
  allocate(bytes: number): Allocation;
  /**
   * Gives memory back; its content is undefined from then on.
   *
   * @internal
   */
  release(allocation: Allocation): void;
  /**
   * Copies from the host; the data may be changed as soon as this returns. Whole words: length and
   * offset are multiples of 4 bytes.
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
  /**
   * Memory in use, in bytes, the most there has been, and what of it is the kernels' scratch
   * memory.
   */
  memory(): { used: number; peak: number; scratch: number };
  /** Ends threads and gives memory back; the device is of no use afterwards. */
  close(): void;
}
