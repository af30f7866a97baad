/**
 * Kernels: an operation's WGSL and CPU forms with one list of buffers, scalars and constants.
 *
 * Buffers are bound in the order reads, updates, writes; scalars follow as one block of 32-bit
 * words. On WebGPU that is bindings 0, 1, … and a uniform struct `s` at the next binding, which
 * webgpu/wgsl_module.ts declares. On the CPU it is a block of pointers and words, then the number
 * of chunks; the kernel receives its address. Constants are known when a kernel is built:
 * `override` constants in WGSL, plain numbers while the CPU kernel is emitted. So are functions
 * (kernel_function.ts), which the kernel calls by name. The kernels themselves are defined beside
 * their operations, in lib/ops.
 *
 * @module
 */
import type { KernelBuilder } from "./kernel_builder.ts";
import type { KernelFunctions } from "./kernel_function.ts";
import type { ModuleOptions } from "../wasm/assembler.ts";

/** Values fixed when a kernel is built; each set of values makes a separate build. */
export type Constants = Readonly<Record<string, number>>;
/** Values passed with each launch. */
export type Scalars = Readonly<Record<string, number>>;
/** How a scalar's 32 bits are read. */
export type ScalarType = "u32" | "i32" | "f32";

/** Element type of a buffer, as WGSL declares it; `vec4f` for vectorized loads of four floats. */
export type ElementType = ScalarType | "vec4f";
/** Buffers by name, in the order of their bindings. */
export type Buffers = Readonly<Record<string, ElementType>>;

/**
 * The WebGPU form of a kernel: WGSL without bindings and scalars, which wgsl_module.ts declares,
 * and the size of a launch, whose field also determines the function that the code defines.
 */
export type WebGpuKernel =
  & {
    /**
     * WGSL that finds buffers by their names and scalars as fields of the uniform `s`. It is called
     * when a pipeline is made.
     */
    code(): string;
    /** Features that the adapter must have: `shader-f16`, `subgroups`. Default none. */
    readonly features?: readonly GPUFeatureName[];
  }
  & (EachThread | EachWorkgroup | Grid);

/** Code that defines `fn each_thread(i: u32)`. */
export interface EachThread {
  /** Threads to launch, rounded up to whole workgroups of 256: `i` can exceed the last one. */
  threads(scalars: Scalars, constants: Constants): number;
}

/** Code that defines `fn each_workgroup(index: u32, lane: u32)`, which every thread calls. */
export interface EachWorkgroup {
  /**
   * Workgroups to launch; more than 65,535 are folded into a second dimension and rounded up, so
   * that `index` can exceed the last one.
   */
  workgroups(scalars: Scalars, constants: Constants): number;
  /** Threads of a workgroup. Default 256. */
  readonly workgroupSize?: number;
}

/** Code that has its own entry point `main`. */
export interface Grid {
  /** Workgroups to launch in one to three dimensions. */
  grid(scalars: Scalars, constants: Constants): readonly number[];
}

/** The CPU form of a kernel. */
export interface CpuKernel {
  /**
   * Writes the function that computes chunk `k.chunk`. Chunks run in any order and on any thread.
   */
  emit(k: KernelBuilder): void;
  /** Functions that it imports and shares with other kernels. Default none. */
  library?(constants: Constants): KernelLibrary | undefined;
  /** The sizes of its blocks, if the form chooses any. */
  readonly tiling?: Tiling;
  /** Number of chunks of the work. It must not depend on the number of threads. */
  chunks(scalars: Scalars, constants: Constants): number;
  /** Bytes of scratch memory that a thread needs while it runs a chunk. Default 0. */
  scratchBytes?(scalars: Scalars, constants: Constants): number;
}

/** A module of functions for CPU kernels, which each thread instantiates once. */
export interface KernelLibrary {
  /** Name in snake_case, also that of its file. */
  readonly name: string;
  /** The module's bytes; kernels import its exports by their names. */
  module(options: ModuleOptions): Uint8Array<ArrayBuffer>;
}

/** Sizes of the blocks that a CPU kernel divides its work into. */
export interface Tiling {
  /** Names of the sizes; the kernel reads them like its scalars, as integers. */
  readonly sizes: readonly string[];
  /** The sizes for a launch. They must not depend on the number of threads. */
  choose(scalars: Scalars, constants: Constants): Scalars;
}

/** The forms of a kernel, one for each kind of device that it runs on. */
export interface KernelForms {
  /** WebAssembly. */
  readonly cpu?: CpuKernel;
  /** WGSL. */
  readonly webgpu?: WebGpuKernel;
}

/** A kernel: one operation on all kinds of devices. */
export interface Kernel extends KernelForms {
  /** Name in snake_case, also that of its files. */
  readonly name: string;
  /** Buffers that are only read. */
  readonly reads: Buffers;
  /** Buffers that are read and written in place. Default none. */
  readonly updates?: Buffers;
  /** Buffers that are written in full. Default none. */
  readonly writes?: Buffers;
  /** How each scalar's bits are read, in the order of the block. */
  readonly scalars: Readonly<Record<string, ScalarType>>;
  /** Functions that its forms call by these names; others make another build. Default none. */
  readonly functions?: KernelFunctions;
}

/** All buffer names of a kernel in binding order: reads, updates, writes. */
export function bufferNames(kernel: Kernel): string[] {
  return Object.keys({ ...kernel.reads, ...kernel.updates, ...kernel.writes });
}

/** The scalar block's words, in the order the kernel names them. */
export function encodeScalars(kernel: Kernel, scalars: Scalars): Uint32Array<ArrayBuffer> {
  const names = Object.keys(kernel.scalars);
  const words = new Uint32Array(names.length);
  const floats = new Float32Array(words.buffer);
  names.forEach((name, i) => {
    const value = scalars[name];
    if (value === undefined) {
      throw new TypeError(`${kernel.name}: the scalar '${name}' was not given`);
    }
    if (kernel.scalars[name] === "f32") floats[i] = value;
    else if (Number.isInteger(value)) words[i] = value;
    else throw new RangeError(`${kernel.name}: ${name} must be a whole number, got ${value}`);
  });
  return words;
}

/**
 * A key that identifies a build of a kernel, such as `unary,apply=exp(x)`. It is computed at each
 * launch, so constants are not sorted but used in the order in which the operation passes them.
 */
export function kernelKey({ name, functions }: Kernel, constants: Constants): string {
  let key = name;
  for (const slot in functions) key += `,${slot}=${functions[slot].wgsl}`;
  for (const constant in constants) key += `,${constant}=${constants[constant]}`;
  return key;
}
