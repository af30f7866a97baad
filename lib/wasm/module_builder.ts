/**
 * A WebAssembly module under construction: its imports, functions and exports, and its bytes.
 *
 * function_builder.ts has the statements of a function.
 *
 * @module
 */
import { type Code, flat, name, section, unsigned, vector } from "./encoding.ts";
import type { Expression, ValueType } from "./expressions.ts";
import { FunctionBuilder, type FunctionContext, TYPE_CODE } from "./function_builder.ts";
import {
  type FunctionHandle,
  type ParametersOf,
  parametersOf,
  type ParameterTypes,
  type TypeOf,
} from "./signature.ts";

/** Options of a module. */
export interface ModuleOptions {
  /** Use relaxed SIMD's fused multiply-add. Default: `relaxedSimdSupported()`. */
  relaxed?: boolean;
  /** Import a function table as `env.table`, for `callIndirect`. Default false. */
  table?: boolean;
  /**
   * Import a memory of `PRIVATE_PAGES` pages that is not shared as `env.private`. It is then the
   * module's first memory, and the shared one its second. Default false.
   */
  privateMemory?: boolean;
}

/** The pages, of 64 KiB, of a private memory; addresses in it that are constants need no check. */
export const PRIVATE_PAGES = 1;

/** Collects functions and writes a module that imports `env.memory` (shared, up to 4 GiB). */
export class ModuleBuilder implements FunctionContext {
  /** Whether multiply-adds are fused. */
  readonly relaxed: boolean;
  readonly #table: boolean;
  readonly #privateMemory: boolean;
  readonly #types: { key: string; code: Code }[] = [];
  readonly #imports: { name: string; type: number }[] = [];
  readonly #functions: { type: number; code: Code }[] = [];
  readonly #exports: { name: string; index: number }[] = [];

  /** An empty module. */
  constructor(options: ModuleOptions = {}) {
    this.relaxed = options.relaxed ?? relaxedSimdSupported();
    this.#table = options.table ?? false;
    this.#privateMemory = options.privateMemory ?? false;
  }

  /** The index of a function type, which is added at its first use. */
  typeIndex(parameters: readonly ValueType[], result: ValueType | undefined): number {
    const key = `${parameters.join()}>${result ?? ""}`;
    const found = this.#types.findIndex((type) => type.key === key);
    if (found >= 0) return found;
    const inputs = vector(parameters.map((type) => [TYPE_CODE[type]]));
    const outputs = vector(result ? [[TYPE_CODE[result]]] : []);
    this.#types.push({ key, code: [0x60, inputs, outputs] });
    return this.#types.length - 1;
  }

  /**
   * Imports the function `env.name`.
   *
   * @throws {TypeError} if a function is already defined: imports are numbered first
   */
  import<const Types extends ParameterTypes, Result extends ValueType | undefined = undefined>(
    name: string,
    parameters: Types,
    result?: Result,
  ): FunctionHandle<Types, Result> {
    if (this.#functions.length > 0) {
      throw new TypeError(`assembler: import '${name}' before defining functions`);
    }
    this.#imports.push({ name, type: this.typeIndex(Object.values(parameters), result) });
    return { index: this.#imports.length - 1, parameters, result: result as Result };
  }

  /**
   * Defines a function: `body` writes its statements, receives its parameters by name, and returns
   * the function's result, if it has one.
   */
  define<const Types extends ParameterTypes, Value extends Expression | void>(
    parameters: Types,
    body: (f: FunctionBuilder, parameters: ParametersOf<Types>) => Value,
  ): FunctionHandle<Types, TypeOf<Value>> {
    const types = Object.values(parameters);
    const f = new FunctionBuilder(this, types.length);
    const value = body(f, parametersOf(parameters)) as Expression | undefined;
    this.#functions.push({ type: this.typeIndex(types, value?.type), code: f.encode(value) });
    const index = this.#imports.length + this.#functions.length - 1;
    return { index, parameters, result: value?.type as TypeOf<Value> };
  }

  /** Makes a function visible to JavaScript as `name`. */
  export(name: string, { index }: { readonly index: number }): void {
    this.#exports.push({ name, index });
  }

  /** The module's bytes. */
  encode(): Uint8Array<ArrayBuffer> {
    const memory = [name("env"), name("memory"), 0x02, 0x03, 1, unsigned(65536)];
    const own = [name("env"), name("private"), 0x02, 0x01, PRIVATE_PAGES, PRIVATE_PAGES];
    const imports: Code[] = this.#privateMemory ? [own, memory] : [memory];
    for (const { name: text, type } of this.#imports) {
      imports.push([name("env"), name(text), 0x00, unsigned(type)]);
    }
    if (this.#table) imports.push([name("env"), name("table"), 0x01, 0x70, 0x00, 0]);
    const exports = this.#exports.map((e) => [name(e.name), 0x00, unsigned(e.index)]);
    return flat([
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, vector(this.#types.map(({ code }) => code))),
      section(2, vector(imports)),
      section(3, vector(this.#functions.map(({ type }) => unsigned(type)))),
      section(7, vector(exports)),
      section(10, vector(this.#functions.map(({ code }) => code))),
    ]);
  }
}

let relaxedSupport: boolean | undefined;

/** Whether this engine runs relaxed SIMD (a fused multiply-add on four floats). */
export function relaxedSimdSupported(): boolean {
  if (relaxedSupport === undefined) {
    const probe = new ModuleBuilder({ relaxed: true });
    probe.define({ x: "v128" }, (f, { x }) => f.madd(x, x, x));
    relaxedSupport = WebAssembly.validate(probe.encode());
  }
  return relaxedSupport;
}
