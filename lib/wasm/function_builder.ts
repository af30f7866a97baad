/**
 * The statements and locals of one WebAssembly function under construction.
 *
 * expressions.ts has the values that statements compute with; module_builder.ts puts functions
 * together.
 *
 * @module
 */
import { type Code, counted, flat, memoryArgument, simd, unsigned } from "./encoding.ts";
import { F32, I32, V128 } from "./expressions.ts";
import type { Expression, F32Like, I32Like, ValueType } from "./expressions.ts";
import {
  expressionOf,
  type FunctionHandle,
  localOf,
  operandCode,
  type OperandsOf,
  type ParameterTypes,
  type ResultOf,
} from "./signature.ts";

/** The code of a value type. */
export const TYPE_CODE: Readonly<Record<ValueType, number>> = { i32: 0x7f, f32: 0x7d, v128: 0x7b };

/** What a function needs of its module. */
export interface FunctionContext {
  /** Whether multiply-adds are fused. */
  readonly relaxed: boolean;
  /** The index of a function type. */
  typeIndex(parameters: readonly ValueType[], result: ValueType | undefined): number;
}

/** Collects the statements and locals of one function. */
export class FunctionBuilder {
  readonly #body: Code[] = [];
  readonly #locals: ValueType[] = [];
  readonly #prologue: Code[] = [];
  readonly #constants = new Map<string, Expression>();

  /** An empty function whose first `parameters` locals are its parameters. */
  constructor(readonly context: FunctionContext, readonly parameters: number) {}

  #emit(...code: Code): void {
    this.#body.push(code);
  }
  #local<Type extends ValueType>(type: Type, initial?: Expression) {
    const index = this.parameters + this.#locals.length;
    this.#locals.push(type);
    if (initial) this.#emit(initial.code, 0x21, unsigned(index));
    return localOf(type, index);
  }
  /** A new i32 local. */
  i32(initial?: I32Like): I32 {
    return this.#local("i32", initial === undefined ? undefined : I32.of(initial));
  }
  /** A new f32 local. */
  f32(initial?: F32Like): F32 {
    return this.#local("f32", initial === undefined ? undefined : F32.of(initial));
  }
  /** A new v128 local. */
  v128(initial?: V128): V128 {
    return this.#local("v128", initial);
  }
  /**
   * A local that holds `value` from the function's start on; `value` must not read locals that
   * statements set. V8 builds a vector constant anew at each use, with three instructions, so one
   * that is used in a loop is better kept.
   */
  constant<Value extends Expression>(value: Value): Value {
    const key = value.code.join();
    let local = this.#constants.get(key);
    if (!local) {
      this.#constants.set(key, local = this.#local(value.type));
      this.#prologue.push([value.code, 0x21, unsigned(local.local!)]);
    }
    return local as Value;
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
    this.#emit(code, 0x21, unsigned(local.local));
  }
  /** Encodes the statements of `body` once, for code that has them often; each call emits them. */
  repeatable(body: () => void): () => void {
    const before = this.#body.length;
    body();
    const code = flat(this.#body.splice(before));
    return () => this.#emit(code);
  }
  /** `value` if it is a constant or a local, otherwise a new local that holds it. */
  #kept(value: I32Like): I32 {
    return typeof value === "number" || value.local !== undefined ? I32.of(value) : this.i32(value);
  }
  /** The smaller of two signed integers, in a new local; each is evaluated once. */
  min(a: I32Like, b: I32Like): I32 {
    const [x, y] = [this.#kept(a), this.#kept(b)];
    return this.i32(I32.select(x.ltS(y), x, y));
  }
  /** The larger of two signed integers, in a new local; each is evaluated once. */
  max(a: I32Like, b: I32Like): I32 {
    const [x, y] = [this.#kept(a), this.#kept(b)];
    return this.i32(I32.select(x.gtS(y), x, y));
  }
  /** The smaller of two unsigned integers, in a new local; each is evaluated once. */
  minU(a: I32Like, b: I32Like): I32 {
    const [x, y] = [this.#kept(a), this.#kept(b)];
    return this.i32(I32.select(x.ltU(y), x, y));
  }
  /** min(max(x, low), high), signed, in a new local; each is evaluated once. */
  clamp(x: I32Like, low: I32Like, high: I32Like): I32 {
    return this.min(this.max(x, low), high);
  }
  /**
   * The indices of a flat index, unsigned, in new locals: index = (i₀·n₁ + i₁)·n₂ + i₂ becomes
   * [i₀, i₁, i₂] for the sizes n₁, n₂.
   */
  unravel(index: I32, ...sizes: I32Like[]): I32[] {
    const indices = [this.i32(index)];
    for (const size of sizes.toReversed()) {
      const [flat, length] = [indices.shift()!, this.#kept(size)];
      const quotient = this.i32(flat.divU(length));
      indices.unshift(quotient, this.i32(flat.sub(quotient.mul(length))));
    }
    return indices;
  }
  /** `a·b + c` on four floats, fused if relaxed SIMD is available. */
  madd(a: V128, b: V128, c: V128): V128 {
    if (!this.context.relaxed) return a.mul(b).add(c);
    return new V128([a.code, b.code, c.code, simd(0x105)]);
  }
  /** `c − a·b` on four floats, fused if relaxed SIMD is available. */
  nmadd(a: V128, b: V128, c: V128): V128 {
    if (!this.context.relaxed) return c.sub(a.mul(b));
    return new V128([a.code, b.code, c.code, simd(0x106)]);
  }
  /** Writes a word at `address` plus `offset` bytes. */
  storeI32(address: I32, value: I32Like, offset = 0): void {
    this.#emit(address.code, I32.of(value).code, 0x36, memoryArgument(2, offset));
  }
  /**
   * Writes a float at `address` plus `offset` bytes, to the module's first memory or its second.
   */
  storeF32(address: I32, value: F32Like, offset = 0, memory = 0): void {
    this.#emit(address.code, F32.of(value).code, 0x38, memoryArgument(2, offset, memory));
  }
  /** Writes sixteen bytes to the first memory or the second; the address need not be aligned. */
  storeV128(address: I32, value: V128, offset = 0, memory = 0): void {
    this.#emit(address.code, value.code, simd(0x0b), memoryArgument(2, offset, memory));
  }
  /** Writes a word; all threads see such writes in one order. */
  atomicStore(address: I32, value: I32Like, offset = 0): void {
    this.#emit(address.code, I32.of(value).code, 0xfe, 0x17, memoryArgument(2, offset));
  }
  /** Evaluates `value` and discards it. */
  drop(value: Expression): void {
    this.#emit(value.code, 0x1a);
  }
  /** Runs `then` if the condition is not 0, `otherwise` if it is. */
  if(condition: I32, then: () => void, otherwise?: () => void): void {
    this.#emit(condition.code, 0x04, 0x40);
    then();
    if (otherwise) {
      this.#emit(0x05);
      otherwise();
    }
    this.#emit(0x0b);
  }
  /** Repeats `body` while the condition, evaluated before each round, is not 0. */
  while(condition: I32, body: () => void): void {
    this.#emit(0x02, 0x40, 0x03, 0x40, condition.code, 0x45, 0x0d, 1);
    body();
    this.#emit(0x0c, 0, 0x0b, 0x0b);
  }
  /**
   * Runs `body` at least once, and again while the condition, evaluated after each round, is not 0.
   */
  doWhile(body: () => void, condition: () => I32): void {
    this.#emit(0x03, 0x40);
    body();
    this.#emit(condition().code, 0x0d, 0, 0x0b);
  }
  /** `for (i = from; i < to; i += step)`, signed; `from`, `to` and `step` are evaluated once. */
  for(from: I32Like, to: I32Like, step: I32Like, body: (i: I32) => void): void {
    const i = this.i32(from);
    const [end, stride] = [this.#kept(to), this.#kept(step)];
    this.while(i.ltS(end), () => {
      body(i);
      this.set(i, i.add(stride));
    });
  }
  /**
   * Calls a function with its operands by name. A call without a result is a statement, emitted
   * here; one with a result is an expression, evaluated where it is used.
   *
   * @throws {TypeError} if an operand is missing, unknown, or of another type
   */
  call<Types extends ParameterTypes, Result extends ValueType | undefined>(
    target: FunctionHandle<Types, Result>,
    operands: OperandsOf<NoInfer<Types>>,
  ): ResultOf<Result> {
    const code = [operandCode(target.parameters, operands), 0x10, unsigned(target.index)];
    if (target.result) return expressionOf(target.result, code) as ResultOf<Result>;
    this.#emit(code);
    return undefined as ResultOf<Result>;
  }
  /**
   * Calls the function at `slot` of the module's imported table, which has `parameters` and no
   * result.
   *
   * @throws {TypeError} if an operand is missing, unknown, or of another type
   */
  callIndirect<Types extends ParameterTypes>(
    slot: I32,
    parameters: Types,
    operands: OperandsOf<NoInfer<Types>>,
  ): void {
    const type = this.context.typeIndex(Object.values(parameters), undefined);
    this.#emit(operandCode(parameters, operands), slot.code, 0x11, unsigned(type), 0);
  }
  /** Leaves the function early, with `value` if it has a result. */
  return(value?: Expression): void {
    this.#emit(value?.code ?? [], 0x0f);
  }
  /** The function's binary form; `result` is its last value. */
  encode(result?: Expression): Code {
    const locals = this.#locals.map((type) => [1, TYPE_CODE[type]]);
    return counted([
      unsigned(locals.length),
      locals,
      this.#prologue,
      this.#body,
      result?.code ?? [],
      0x0b,
    ]);
  }
}
