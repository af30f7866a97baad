/**
 * The builder that a CPU kernel writes itself with: its buffers and scalars by name, the chunk to
 * compute, and the functions of its module.
 *
 * kernel.ts describes kernels; lib/wasm has the expressions and statements.
 *
 * @module
 */
import type {
  F32,
  FunctionBuilder,
  FunctionHandle,
  I32,
  ModuleBuilder,
  ValueType,
} from "../wasm/assembler.ts";
import type { KernelFunctions } from "./kernel_function.ts";

/** The kernel that is being built. */
export interface KernelBuild {
  /** Its name, for errors. */
  readonly name: string;
  /** The names of its buffers, in binding order. */
  readonly buffers: readonly string[];
  /** The names of its scalars, in the order of the block. */
  readonly scalars: readonly string[];
  /** The values that this build is for, by name. */
  readonly constants: Readonly<Record<string, number>>;
  /** The functions that this build is for, by the names that the kernel calls them by. */
  readonly functions: KernelFunctions;
}

/**
 * The builder a CPU kernel writes itself with: statements and expressions come from `k.f`, buffers
 * and scalars by name. Each read of a scalar or a pointer makes a local once, at the place of its
 * first use: read them before loops.
 */
export class KernelBuilder {
  readonly #loaded = new Map<string, I32 | F32>();

  /** Writes `kernel` as the function `f` of `module`. */
  constructor(
    readonly kernel: KernelBuild,
    readonly module: ModuleBuilder,
    readonly f: FunctionBuilder,
  ) {}

  /** The values that this build is for, by name. */
  get constants(): Readonly<Record<string, number>> {
    return this.kernel.constants;
  }
  /** The functions that this build is for, by the names that the kernel calls them by. */
  get functions(): KernelFunctions {
    return this.kernel.functions;
  }

  /** The chunk to compute, 0 … chunks − 1. */
  get chunk(): I32 {
    return this.f.i32Parameter(1);
  }
  /** How many chunks the work is cut into. */
  get chunks(): I32 {
    const { buffers, scalars } = this.kernel;
    const index = buffers.length + scalars.length;
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
    const index = this.kernel.buffers.indexOf(name);
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
    const index = this.kernel.scalars.indexOf(name);
    if (index < 0) throw new TypeError(`${this.kernel.name}: no scalar is called '${name}'`);
    return 4 * (this.kernel.buffers.length + index);
  }
  #once(name: string, load: () => I32 | F32): I32 | F32 {
    let local = this.#loaded.get(name);
    if (!local) this.#loaded.set(name, local = load());
    return local;
  }
}
