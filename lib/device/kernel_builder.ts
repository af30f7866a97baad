/**
 * The builder that a CPU kernel writes itself with: its buffers and scalars by name, the chunk to
 * compute, and the functions of its module.
 *
 * kernel.ts describes kernels; lib/wasm has the expressions and statements; lib/device/cpu runs the
 * emitted code.
 *
 * @module
 */
import {
  type Expression,
  type F32,
  type FunctionBuilder,
  type FunctionHandle,
  type I32,
  type I32Like,
  ModuleBuilder,
  type ModuleOptions,
  type ParametersOf,
  type ParameterTypes,
  type TypeOf,
  type ValueType,
} from "../wasm/assembler.ts";
import type { KernelFunctions } from "./kernel_function.ts";

/** The kernel that is built. */
export interface KernelBuild {
  /** Its name, for errors. */
  readonly name: string;
  /** The names of its buffers, in binding order. */
  readonly buffers: readonly string[];
  /** The type of each scalar by name, in the order of the block. */
  readonly scalars: Readonly<Record<string, "u32" | "i32" | "f32">>;
  /** The constants of this build, by name. */
  readonly constants: Readonly<Record<string, number>>;
  /** The functions of this build, by the names under which the kernel calls them. */
  readonly functions: KernelFunctions;
}

/** Parameters of the function that a CPU kernel's module exports as `kernel`. */
export const KERNEL_PARAMETERS = { block: "i32", chunk: "i32", scratch: "i32" } as const;

/** The bytes of a kernel's module; `emit` writes its function. */
export function emitKernel(
  kernel: KernelBuild,
  emit: (k: KernelBuilder) => void,
  options: ModuleOptions,
): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder(options);
  const entry = module.define(KERNEL_PARAMETERS, (f, launch) => {
    emit(new KernelBuilder(kernel, { module, f, ...launch }));
  });
  module.export("kernel", entry);
  return module.encode();
}

/**
 * The target of a `KernelBuilder`: the module, its main function, and the parameters of that
 * function.
 */
export interface KernelTarget {
  /** The kernel's module. */
  readonly module: ModuleBuilder;
  /** The function that the module exports as `kernel`. */
  readonly f: FunctionBuilder;
  /** The address of the launch's pointers and scalars. */
  readonly block: I32;
  /** The chunk. */
  readonly chunk: I32;
  /** The address of the thread's scratch memory. */
  readonly scratch: I32;
}

/** The items of a chunk. */
export interface Share {
  /** Index of the first item. */
  readonly start: I32;
  /** Index after the last item. */
  readonly end: I32;
  /** Number of items. */
  readonly count: I32;
}

/**
 * Writes one build of a kernel: statements come from `k.f`, buffers and scalars by name. These are
 * loaded when the kernel's function starts, wherever it names them; a function made by `define`
 * receives them as parameters.
 */
export class KernelBuilder {
  /** The statements of the kernel's own function. */
  readonly f: FunctionBuilder;
  /** The constants of this build, by name. */
  readonly constants: Readonly<Record<string, number>>;
  readonly #target: KernelTarget;
  #defining = false;

  /** Writes `kernel` to `target`. */
  constructor(readonly kernel: KernelBuild, target: KernelTarget) {
    this.f = target.f;
    this.constants = kernel.constants;
    this.#target = target;
  }

  /** The functions of this build, by the names under which the kernel calls them. */
  get functions(): KernelFunctions {
    return this.kernel.functions;
  }
  /** The chunk to compute, 0 … chunks − 1. */
  get chunk(): I32 {
    return this.#own("the chunk").chunk;
  }
  /** Number of chunks of the work. */
  get chunks(): I32 {
    const { buffers, scalars } = this.kernel;
    const index = buffers.length + Object.keys(scalars).length;
    return this.f.constant(this.#own("the chunks").block.loadI32(4 * index));
  }
  /** The address of this thread's scratch memory, aligned to 64 bytes. */
  get scratch(): I32 {
    return this.#own("scratch memory").scratch;
  }
  /** The address of the buffer `name`. */
  pointer(name: string): I32 {
    const index = this.kernel.buffers.indexOf(name);
    if (index < 0) throw new TypeError(`${this.kernel.name}: no buffer is called '${name}'`);
    return this.f.constant(this.#own(`'${name}'`).block.loadI32(4 * index));
  }
  /** The addresses of buffers, by name. */
  pointers<Name extends string>(...names: Name[]): Record<Name, I32> {
    return byName(names, (name) => this.pointer(name));
  }
  /** The scalar `name`, a u32 or i32. */
  integer(name: string): I32 {
    return this.f.constant(this.#own(`'${name}'`).block.loadI32(this.#offset(name, "integer")));
  }
  /** Scalars of type u32 or i32, by name. */
  integers<Name extends string>(...names: Name[]): Record<Name, I32> {
    return byName(names, (name) => this.integer(name));
  }
  /** The scalar `name`, an f32. */
  float(name: string): F32 {
    return this.f.constant(this.#own(`'${name}'`).block.loadF32(this.#offset(name, "float")));
  }
  /** Scalars of type f32, by name. */
  floats<Name extends string>(...names: Name[]): Record<Name, F32> {
    return byName(names, (name) => this.float(name));
  }
  /**
   * This chunk's items, of `total` items with `size` in each chunk: the kernel's `chunks` is ⌈total
   * / size⌉.
   */
  share(total: I32, size: I32Like): Share {
    const start = this.f.i32(this.chunk.mul(size));
    const end = this.f.minU(start.add(size), total);
    return { start, end, count: this.f.i32(end.sub(start)) };
  }
  /**
   * Calls `body` for this chunk's items, of `total` items that all chunks share evenly: neighbors,
   * because a chunk that takes every n-th row reads memory that is far apart.
   */
  forShare(total: I32, body: (item: I32) => void): void {
    const size = this.f.i32(total.add(this.chunks).sub(1).divU(this.chunks));
    const { start, end } = this.share(total, size);
    this.f.for(start, end, 1, body);
  }
  /** A function that the device provides, such as a system library's; before any `define`. */
  import<const Types extends ParameterTypes, Result extends ValueType | undefined = undefined>(
    name: string,
    parameters: Types,
    result?: Result,
  ): FunctionHandle<Types, Result> {
    return this.#target.module.import(name, parameters, result);
  }
  /**
   * Another function of the kernel's module, for `f.call`: `body` writes its statements, receives
   * its parameters by name, and returns its result, if it has one. Locals of the kernel's own
   * function do not exist in it.
   */
  define<const Types extends ParameterTypes, Value extends Expression | void>(
    parameters: Types,
    body: (f: FunctionBuilder, parameters: ParametersOf<Types>) => Value,
  ): FunctionHandle<Types, TypeOf<Value>> {
    return this.#target.module.define(parameters, (f, locals) => {
      this.#defining = true;
      const value = body(f, locals);
      this.#defining = false;
      return value;
    });
  }

  /**
   * The parameters of the kernel's own function, to read `what`; an error inside another function.
   */
  #own(what: string): KernelTarget {
    if (!this.#defining) return this.#target;
    throw new TypeError(
      `${this.kernel.name}: a defined function cannot read ${what}; pass it as a parameter`,
    );
  }
  #offset(name: string, read: "integer" | "float"): number {
    const { name: kernel, buffers, scalars } = this.kernel;
    const index = Object.keys(scalars).indexOf(name);
    if (index < 0) throw new TypeError(`${kernel}: no scalar is called '${name}'`);
    const isFloat = scalars[name] === "f32";
    if (isFloat !== (read === "float")) {
      const method = isFloat ? "float" : "integer";
      throw new TypeError(`${kernel}: '${name}' is of type ${scalars[name]}; use ${method}()`);
    }
    return 4 * (buffers.length + index);
  }
}

function byName<Name extends string, Value>(
  names: readonly Name[],
  read: (name: Name) => Value,
): Record<Name, Value> {
  return Object.fromEntries(names.map((name) => [name, read(name)])) as Record<Name, Value>;
}
