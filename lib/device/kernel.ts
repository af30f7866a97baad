/**
 * What a kernel is: one operation's WGSL and CPU form behind one list of buffers, scalars and
 * constants.
 *
 * Buffers are bound in the order reads, updates, writes; scalars follow as one block of 32-bit
 * words. On WebGPU that is bindings 0, 1, … and a uniform struct at the next binding; on the CPU a
 * block of pointers and words, the number of chunks behind them, whose address the kernel gets.
 * Constants are known when a kernel is built: `override` constants in WGSL, plain numbers while the
 * CPU kernel is emitted. Which kernels there are is left to lib/tensor.
 *
 * @module
 */
import type { FunctionBuilder, I32, ModuleBuilder, ValueType } from "../wasm/assembler.ts";
import type { F32, FunctionHandle } from "../wasm/assembler.ts";

/** Values fixed when a kernel is built; each set of values makes a kernel of its own. */
export type Constants = Readonly<Record<string, number>>;
/** Values given at each launch. */
export type Scalars = Readonly<Record<string, number>>;
/** How a scalar's 32 bits are read. */
export type ScalarType = "u32" | "i32" | "f32";

/** The WebGPU form of a kernel. */
export interface WebGpuKernel {
  /** WGSL with an entry point `main`; see the module comment for the bindings. */
  readonly code: string;
  /** What the adapter must have besides the usual: `shader-f16`, `subgroups`. Default none. */
  readonly features?: readonly GPUFeatureName[];
  /**
   * Workgroups to launch, one to three dimensions; a first dimension over 65,535 is folded into the
   * second.
   */
  workgroups(scalars: Scalars, constants: Constants): readonly number[];
}

/** The CPU form of a kernel. */
export interface CpuKernel {
  /**
   * Writes the function that computes chunk `k.chunk`. Chunks run in any order and on any thread.
   */
  emit(k: KernelBuilder): void;
  /** How many chunks the work is cut into. It must not depend on the number of threads. */
  chunks(scalars: Scalars, constants: Constants): number;
  /** Bytes of scratch memory that a thread needs while it runs a chunk. Default 0. */
  scratchBytes?(scalars: Scalars, constants: Constants): number;
}

/** One operation as the devices know it. */
export interface Kernel {
  /** snake_case, the name of its files. */
  readonly name: string;
  /** Buffers that are only read. */
  readonly reads: readonly string[];
  /** Buffers that are read and written in place. */
  readonly updates?: readonly string[];
  /** Buffers that are written in full. */
  readonly writes: readonly string[];
  /** How each scalar's bits are read, in the order of the block. */
  readonly scalars: Readonly<Record<string, ScalarType>>;
  /** Without it the kernel runs on the CPU only. */
  readonly webgpu?: WebGpuKernel;
  /** Without it the kernel runs on WebGPU only. */
  readonly cpu?: CpuKernel;
}

/** All buffer names of a kernel in binding order: reads, updates, writes. */
export function bufferNames(kernel: Kernel): string[] {
  return [...kernel.reads, ...(kernel.updates ?? []), ...kernel.writes];
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
    else words[i] = value;
  });
  return words;
}

/** A key that tells two builds of a kernel apart. */
export function kernelKey(kernel: Kernel, constants: Constants): string {
  const names = Object.keys(constants).sort();
  return kernel.name + names.map((name) => `,${name}=${constants[name]}`).join("");
}

/**
 * The builder a CPU kernel writes itself with: statements and expressions come from `k.f`, buffers
 * and scalars by name. Each read of a scalar or a pointer makes a local once, at the place of its
 * first use: read them before loops.
 */
export class KernelBuilder {
  readonly #loaded = new Map<string, I32 | F32>();

  /** Writes `kernel`, with `constants`, as the function `f` of `module`. */
  constructor(
    readonly kernel: Kernel,
    readonly constants: Constants,
    readonly module: ModuleBuilder,
    readonly f: FunctionBuilder,
  ) {}

  /** The chunk to compute, 0 … chunks − 1. */
  get chunk(): I32 {
    return this.f.i32Parameter(1);
  }
  /** How many chunks the work is cut into. */
  get chunks(): I32 {
    const { kernel } = this;
    const index = bufferNames(kernel).length + Object.keys(kernel.scalars).length;
    return this.#once(
      "chunks of the launch",
      () => this.f.i32(this.#block.loadI32(4 * index)),
    ) as I32;
  }
  /** The address of this thread's scratch memory, aligned to 64 bytes. */
  get scratch(): I32 {
    return this.f.i32Parameter(2);
  }
  /** The address of the buffer `name`. */
  pointer(name: string): I32 {
    const index = bufferNames(this.kernel).indexOf(name);
    if (index < 0) throw new TypeError(`${this.kernel.name}: no buffer is called '${name}'`);
    return this.#once(name, () => this.f.i32(this.#block.loadI32(4 * index))) as I32;
  }
  /** The integer scalar `name`. */
  integer(name: string): I32 {
    return this.#once(name, () => this.f.i32(this.#block.loadI32(this.#offset(name)))) as I32;
  }
  /** The float scalar `name`. */
  float(name: string): F32 {
    return this.#once(name, () => this.f.f32(this.#block.loadF32(this.#offset(name)))) as F32;
  }
  /** A function that the device gives, such as a system library's; before any `define`. */
  import(name: string, parameters: readonly ValueType[], result?: ValueType): FunctionHandle {
    return this.module.import(name, parameters, result);
  }
  /** Another function of the same module, for the kernel to call; define it before its use. */
  define(
    parameters: readonly ValueType[],
    result: ValueType | undefined,
    body: (f: FunctionBuilder) => void,
  ): FunctionHandle {
    return this.module.function(parameters, result, body);
  }

  get #block(): I32 {
    return this.f.i32Parameter(0);
  }
  #offset(name: string): number {
    const index = Object.keys(this.kernel.scalars).indexOf(name);
    if (index < 0) throw new TypeError(`${this.kernel.name}: no scalar is called '${name}'`);
    return 4 * (bufferNames(this.kernel).length + index);
  }
  #once(name: string, load: () => I32 | F32): I32 | F32 {
    let local = this.#loaded.get(name);
    if (!local) this.#loaded.set(name, local = load());
    return local;
  }
}
