/**
 * A small assembler for WebAssembly: locals, loops and functions over typed expressions, which
 * become module bytes.
 *
 * A `FunctionBuilder` strings statements together; a `ModuleBuilder` turns functions into the bytes
 * of a module that imports the shared memory. The expressions are in expressions.ts; what a kernel
 * computes is left to kernels/cpu, when it runs to the scheduler.
 *
 * @module
 */
import {
  type Code,
  type Expression,
  F32,
  type F32Like,
  I32,
  type I32Like,
  memoryArgument,
  simd,
  unsigned,
  V128,
  type ValueType,
} from "./expressions.ts";

export { type Code, type Expression, F32, type F32Like, I32, type I32Like, V128, type ValueType };

/** The bytes of `code`, one after the other. */
function flat(code: Code): number[] {
  const bytes: number[] = [];
  append(bytes, code);
  return bytes;
}

/** Lays `code` out at the end of `bytes`. */
function append(bytes: number[], code: Code): void {
  for (const part of code) {
    if (typeof part === "number") bytes.push(part);
    else append(bytes, part);
  }
}

const TYPE_BYTE: Record<ValueType, number> = { i32: 0x7f, f32: 0x7d, v128: 0x7b };

/** A function of the module under construction. */
export interface FunctionHandle {
  /** Its number in the module. */
  readonly index: number;
  /** The types it takes. */
  readonly parameters: readonly ValueType[];
  /** The type it gives; undefined for none. */
  readonly result?: ValueType;
}

function localOf<T extends Expression>(type: ValueType, index: number): T {
  const code = [0x20, unsigned(index)];
  const made = type === "i32"
    ? new I32(code, index)
    : type === "f32"
    ? new F32(code, index)
    : new V128(code, index);
  return made as unknown as T;
}

/** Collects the statements and locals of one function. */
export class FunctionBuilder {
  readonly #body: number[] = [];
  readonly #locals: ValueType[] = [];
  readonly #prologue: number[] = [];
  readonly #constants = new Map<string, V128>();

  /** A function of the module `module`; `parameters` and `result` are its type. */
  constructor(
    readonly module: ModuleBuilder,
    readonly parameters: readonly ValueType[],
    readonly result?: ValueType,
  ) {}

  /** The parameter at `index`, as an I32. */
  i32Parameter(index: number): I32 {
    return localOf<I32>("i32", index);
  }
  /** The parameter at `index`, as an F32. */
  f32Parameter(index: number): F32 {
    return localOf<F32>("f32", index);
  }
  /** The parameter at `index`, as a V128. */
  v128Parameter(index: number): V128 {
    return localOf<V128>("v128", index);
  }
  #local<T extends Expression>(type: ValueType, initial?: Expression): T {
    const index = this.parameters.length + this.#locals.length;
    this.#locals.push(type);
    if (initial) append(this.#body, [initial.code, 0x21, unsigned(index)]);
    return localOf<T>(type, index);
  }
  /** A new i32 local. */
  i32(initial?: I32Like): I32 {
    return this.#local<I32>("i32", initial === undefined ? undefined : I32.of(initial));
  }
  /** A new f32 local. */
  f32(initial?: F32Like): F32 {
    return this.#local<F32>("f32", initial === undefined ? undefined : F32.of(initial));
  }
  /** A new v128 local. */
  v128(initial?: V128): V128 {
    return this.#local<V128>("v128", initial);
  }
  /**
   * A constant kept in a local from the function's start on. V8 makes a vector constant anew at
   * each use, with three instructions, so one that is used in a loop is better kept.
   */
  constant(value: V128): V128 {
    const key = value.code.join();
    let local = this.#constants.get(key);
    if (!local) {
      this.#constants.set(key, local = this.#local<V128>("v128"));
      append(this.#prologue, [value.code, 0x21, unsigned(local.local!)]);
    }
    return local;
  }
  /** `local = value`. */
  set(local: I32, value: I32Like): void;
  /** `local = value`. */
  set(local: F32, value: F32Like): void;
  /** `local = value`. */
  set(local: V128, value: V128): void;
  set(local: Expression, value: Expression | number): void {
    if (local.local === undefined) throw new TypeError("assembler: set needs a local");
    const code = typeof value !== "number"
      ? value.code
      : local.type === "i32"
      ? I32.of(value).code
      : F32.of(value).code;
    append(this.#body, [code, 0x21, unsigned(local.local)]);
  }
  /** `a·b + c` on four floats, fused where relaxed SIMD is there. */
  madd(a: V128, b: V128, c: V128): V128 {
    if (!this.module.relaxed) return a.mul(b).add(c);
    return new V128([a.code, b.code, c.code, simd(0x105)]);
  }
  /** `c − a·b` on four floats, fused where relaxed SIMD is there. */
  nmadd(a: V128, b: V128, c: V128): V128 {
    if (!this.module.relaxed) return c.sub(a.mul(b));
    return new V128([a.code, b.code, c.code, simd(0x106)]);
  }
  /** Writes a word at `address` plus `offset` bytes. */
  storeI32(address: I32, value: I32Like, offset = 0): void {
    const operands = [address.code, I32.of(value).code];
    append(this.#body, [operands, 0x36, memoryArgument(2, offset)]);
  }
  /** Writes a float at `address` plus `offset` bytes. */
  storeF32(address: I32, value: F32Like, offset = 0): void {
    const operands = [address.code, F32.of(value).code];
    append(this.#body, [operands, 0x38, memoryArgument(2, offset)]);
  }
  /** Writes sixteen bytes; the address need not be aligned. */
  storeV128(address: I32, value: V128, offset = 0): void {
    append(this.#body, [address.code, value.code, simd(0x0b), memoryArgument(2, offset)]);
  }
  /** Writes a word, seen by all threads in one order. */
  atomicStore(address: I32, value: I32Like, offset = 0): void {
    const operands = [address.code, I32.of(value).code];
    append(this.#body, [operands, 0xfe, 0x17, memoryArgument(2, offset)]);
  }
  /** Evaluates and forgets. */
  drop(value: Expression): void {
    append(this.#body, [value.code, 0x1a]);
  }
  /** Runs `then` when the condition is not 0, `otherwise` when it is. */
  if(condition: I32, then: () => void, otherwise?: () => void): void {
    append(this.#body, [condition.code, 0x04, 0x40]);
    then();
    if (otherwise) {
      this.#body.push(0x05);
      otherwise();
    }
    this.#body.push(0x0b);
  }
  /** Repeats `body` while the condition, evaluated before each round, is not 0. */
  while(condition: I32, body: () => void): void {
    append(this.#body, [0x02, 0x40, 0x03, 0x40, condition.code, 0x45, 0x0d, 1]);
    body();
    this.#body.push(0x0c, 0, 0x0b, 0x0b);
  }
  /**
   * Runs `body` at least once, and again while the condition, evaluated after each round, is not 0.
   */
  doWhile(body: () => void, condition: () => I32): void {
    this.#body.push(0x03, 0x40);
    body();
    append(this.#body, [condition().code, 0x0d, 0, 0x0b]);
  }
  /** `for (i = from; i < to; i += step)`, signed; `to` should be a local or a constant. */
  for(from: I32Like, to: I32Like, step: I32Like, body: (i: I32) => void): void {
    const i = this.i32(from);
    this.while(i.ltS(to), () => {
      body(i);
      this.set(i, i.add(step));
    });
  }
  /** Calls a function without a result. */
  call(target: FunctionHandle, ...operands: Expression[]): void {
    append(this.#body, operands.map((operand) => operand.code));
    append(this.#body, [0x10, unsigned(target.index)]);
  }
  /** Calls a function that gives an f32. */
  callF32(target: FunctionHandle, ...operands: Expression[]): F32 {
    return new F32(callCode(target, operands));
  }
  /** Calls a function that gives a v128. */
  callV128(target: FunctionHandle, ...operands: Expression[]): V128 {
    return new V128(callCode(target, operands));
  }
  /** Calls the function at `slot` of the module's imported table. */
  callIndirect(slot: I32, parameters: readonly ValueType[], ...operands: Expression[]): void {
    append(this.#body, [operands.map((operand) => operand.code), slot.code]);
    append(this.#body, [0x11, unsigned(this.module.typeIndex(parameters, undefined)), 0]);
  }
  /** Leaves the function. */
  return(value?: Expression): void {
    append(this.#body, [value?.code ?? [], 0x0f]);
  }
  /** The function's body in binary form. */
  encode(): Code {
    const locals = this.#locals.map((type) => [1, TYPE_BYTE[type]]);
    const body = [unsigned(locals.length), locals, this.#prologue, this.#body];
    const end = this.result ? [0x00, 0x0b] : [0x0b]; // a function with a result ends by `return`; what follows is unreachable
    return counted([body, end]);
  }
}

function callCode(target: FunctionHandle, operands: Expression[]): Code {
  return [operands.map((operand) => operand.code), 0x10, unsigned(target.index)];
}

/** The number of bytes, then the bytes. */
function counted(content: Code): Code {
  const bytes = flat(content);
  return [unsigned(bytes.length), bytes];
}

function section(id: number, content: Code): Code {
  return [id, counted(content)];
}

function vector(items: Code): Code {
  return [unsigned(items.length), items];
}

function name(text: string): Code {
  return counted([...new TextEncoder().encode(text)]);
}

/** Options of a module. */
export interface ModuleOptions {
  /** Use relaxed SIMD's fused multiply-add. Default: what `relaxedSimdSupported` found. */
  relaxed?: boolean;
  /** Import a function table as `env.table`, for `callIndirect`. */
  table?: boolean;
}

/** Gathers functions and writes the module: it imports `env.memory` (shared, up to 4 GiB). */
export class ModuleBuilder {
  /** Whether multiply-adds are fused. */
  readonly relaxed: boolean;
  readonly #table: boolean;
  readonly #types: { key: string; code: Code }[] = [];
  readonly #imports: { name: string; type: number }[] = [];
  readonly #functions: FunctionBuilder[] = [];
  readonly #exports: { name: string; index: number }[] = [];

  /** An empty module. */
  constructor(options: ModuleOptions = {}) {
    this.relaxed = options.relaxed ?? relaxedSimdSupported();
    this.#table = options.table ?? false;
  }

  /** The index of a function type, added at its first use. */
  typeIndex(parameters: readonly ValueType[], result: ValueType | undefined): number {
    const key = `${parameters.join()}>${result ?? ""}`;
    const found = this.#types.findIndex((type) => type.key === key);
    if (found >= 0) return found;
    const inputs = vector(parameters.map((type) => [TYPE_BYTE[type]]));
    const outputs = vector(result ? [[TYPE_BYTE[result]]] : []);
    this.#types.push({ key, code: [0x60, inputs, outputs] });
    return this.#types.length - 1;
  }

  /**
   * Imports the function `env.name`; before any function is added, because imports are counted
   * first.
   */
  import(name: string, parameters: readonly ValueType[], result?: ValueType): FunctionHandle {
    if (this.#functions.length > 0) {
      throw new TypeError("assembler: import before adding functions");
    }
    this.#imports.push({ name, type: this.typeIndex(parameters, result) });
    return { index: this.#imports.length - 1, parameters, result };
  }

  /**
   * Adds a function; `body` writes its statements. With `exported` it is visible from JavaScript.
   */
  function(
    parameters: readonly ValueType[],
    result: ValueType | undefined,
    body: (f: FunctionBuilder) => void,
    exported?: string,
  ): FunctionHandle {
    const builder = new FunctionBuilder(this, parameters, result);
    body(builder);
    return this.add(builder, exported);
  }

  /** Adds a finished function. */
  add(builder: FunctionBuilder, exported?: string): FunctionHandle {
    this.#functions.push(builder);
    const index = this.#imports.length + this.#functions.length - 1;
    if (exported) this.#exports.push({ name: exported, index });
    return { index, parameters: builder.parameters, result: builder.result };
  }

  /** The module's bytes. */
  encode(): Uint8Array<ArrayBuffer> {
    const functionTypes = this.#functions.map((f) =>
      unsigned(this.typeIndex(f.parameters, f.result))
    );
    const memory = [name("env"), name("memory"), 0x02, 0x03, 1, unsigned(65536)];
    const imports: Code[] = [memory];
    for (const { name: text, type } of this.#imports) {
      imports.push([name("env"), name(text), 0x00, unsigned(type)]);
    }
    if (this.#table) imports.push([name("env"), name("table"), 0x01, 0x70, 0x00, 0]);
    const exports = this.#exports.map((e) => [name(e.name), 0x00, unsigned(e.index)]);
    return Uint8Array.from(flat([
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, vector(this.#types.map((type) => type.code))),
      section(2, vector(imports)),
      section(3, vector(functionTypes)),
      section(7, vector(exports)),
      section(10, vector(this.#functions.map((f) => f.encode()))),
    ]));
  }
}

let relaxedSupport: boolean | undefined;

/** Whether this engine runs relaxed SIMD (a fused multiply-add on four floats). */
export function relaxedSimdSupported(): boolean {
  if (relaxedSupport === undefined) {
    const probe = new ModuleBuilder({ relaxed: true });
    probe.function(["v128"], "v128", (f) => {
      const x = f.v128Parameter(0);
      f.return(f.madd(x, x, x));
    });
    relaxedSupport = WebAssembly.validate(probe.encode());
  }
  return relaxedSupport;
}
