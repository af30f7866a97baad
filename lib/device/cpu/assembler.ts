/**
 * A small assembler for WebAssembly: typed expressions, locals, loops and functions that become module bytes.
 *
 * `I32`, `F32` and `V128` are expressions (nothing runs while they are built); a `FunctionBuilder` strings
 * statements together; a `ModuleBuilder` turns functions into the bytes of a module that imports the shared
 * memory. What a kernel computes is left to kernels/cpu, when it runs to the scheduler.
 * Source of the encodings: WebAssembly core specification 2.0 with the threads and relaxed-SIMD proposals.
 *
 * @module
 */

/** The value types that kernels use. */
export type ValueType = "i32" | "f32" | "v128";

/** An i32 expression, or a number standing for a constant. */
export type I32Like = I32 | number;
/** An f32 expression, or a number standing for a constant. */
export type F32Like = F32 | number;

/** Instructions in binary form: bytes, and code within code, which is laid out flat when it is written. */
export type Code = readonly (number | Code)[];

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

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  do {
    const low = value & 0x7f;
    value = Math.floor(value / 128);
    bytes.push(value > 0 ? low | 0x80 : low);
  } while (value > 0);
  return bytes;
}

function signed(value: number): number[] {
  const bytes: number[] = [];
  for (;;) {
    const low = value & 0x7f;
    value >>= 7;
    const done = (value === 0 && !(low & 0x40)) || (value === -1 && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}

function floatBytes(value: number): number[] {
  return [...new Uint8Array(new Float32Array([value]).buffer)];
}

const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];
const memoryArgument = (alignment: number, offset: number) => [alignment, ...unsigned(offset)];

/** An expression that leaves one value on the stack. `local` is set when it reads a local. */
export abstract class Expression {
  /** Of the instructions that leave the value; `local` is the index of the local they read. */
  constructor(readonly code: Code, readonly local?: number) {}
  /** Tells expressions apart. */
  abstract readonly type: ValueType;
}

/** A 32-bit integer or address. Comparisons give 0 or 1. */
export class I32 extends Expression {
  /** Tells expressions apart. */
  readonly type = "i32";
  /** The constant `value`; both signed and unsigned notations are taken. */
  static of(value: I32Like): I32 {
    return typeof value === "number" ? new I32([0x41, signed(value | 0)]) : value;
  }
  #two(opcode: number, other: I32Like): I32 {
    return new I32([this.code, I32.of(other).code, opcode]);
  }
  /** this + other, modulo 2³². */
  add(other: I32Like): I32 {
    return other === 0 ? this : this.#two(0x6a, other);
  }
  /** this − other, modulo 2³². */
  sub(other: I32Like): I32 {
    return this.#two(0x6b, other);
  }
  /** this · other, modulo 2³². */
  mul(other: I32Like): I32 {
    return other === 1 ? this : this.#two(0x6c, other);
  }
  /** The unsigned quotient; traps where `other` is 0. */
  divU(other: I32Like): I32 {
    return this.#two(0x6e, other);
  }
  /** The unsigned remainder; traps where `other` is 0. */
  remU(other: I32Like): I32 {
    return this.#two(0x70, other);
  }
  /** Bitwise and. */
  and(other: I32Like): I32 {
    return this.#two(0x71, other);
  }
  /** Bitwise or. */
  or(other: I32Like): I32 {
    return this.#two(0x72, other);
  }
  /** Bitwise exclusive or. */
  xor(other: I32Like): I32 {
    return this.#two(0x73, other);
  }
  /** Bits moved left by `other` modulo 32. */
  shl(other: I32Like): I32 {
    return this.#two(0x74, other);
  }
  /** Bits moved right, the sign copied in. */
  shrS(other: I32Like): I32 {
    return this.#two(0x75, other);
  }
  /** Bits moved right, zeros moved in. */
  shrU(other: I32Like): I32 {
    return this.#two(0x76, other);
  }
  /** 1 where this is 0. */
  eqz(): I32 {
    return new I32([this.code, 0x45]);
  }
  /** this = other. */
  eq(other: I32Like): I32 {
    return this.#two(0x46, other);
  }
  /** this ≠ other. */
  ne(other: I32Like): I32 {
    return this.#two(0x47, other);
  }
  /** this < other, signed. */
  ltS(other: I32Like): I32 {
    return this.#two(0x48, other);
  }
  /** this < other, unsigned. */
  ltU(other: I32Like): I32 {
    return this.#two(0x49, other);
  }
  /** this > other, signed. */
  gtS(other: I32Like): I32 {
    return this.#two(0x4a, other);
  }
  /** this > other, unsigned. */
  gtU(other: I32Like): I32 {
    return this.#two(0x4b, other);
  }
  /** this ≤ other, signed. */
  leS(other: I32Like): I32 {
    return this.#two(0x4c, other);
  }
  /** this ≤ other, unsigned. */
  leU(other: I32Like): I32 {
    return this.#two(0x4d, other);
  }
  /** this ≥ other, signed. */
  geS(other: I32Like): I32 {
    return this.#two(0x4e, other);
  }
  /** this ≥ other, unsigned. */
  geU(other: I32Like): I32 {
    return this.#two(0x4f, other);
  }
  /** The smaller of two unsigned values; both must be cheap to repeat (locals or constants). */
  minU(other: I32Like): I32 {
    return I32.select(this.ltU(other), this, other);
  }
  /** The larger of two signed values; both must be cheap to repeat (locals or constants). */
  maxS(other: I32Like): I32 {
    return I32.select(this.gtS(other), this, other);
  }
  /** The smaller of two signed values; both must be cheap to repeat (locals or constants). */
  minS(other: I32Like): I32 {
    return I32.select(this.ltS(other), this, other);
  }
  /** `condition ? yes : no`; both are evaluated. */
  static select(condition: I32, yes: I32Like, no: I32Like): I32 {
    return new I32([I32.of(yes).code, I32.of(no).code, condition.code, 0x1b]);
  }
  /** The 64-bit unsigned product's high word, for Philox. */
  mulHighU(other: I32Like): I32 {
    const wide = [this.code, 0xad, I32.of(other).code, 0xad, 0x7e];
    return new I32([wide, 0x42, 32, 0x88, 0xa7]);
  }
  /** As a float, read as signed. */
  toF32(): F32 {
    return new F32([this.code, 0xb2]);
  }
  /** As a float, read as unsigned. */
  toF32U(): F32 {
    return new F32([this.code, 0xb3]);
  }
  /** The same 32 bits read as a float. */
  asF32(): F32 {
    return new F32([this.code, 0xbe]);
  }
  /** Four copies, as i32x4. */
  splat(): V128 {
    return new V128([this.code, simd(0x11)]);
  }
  #load(opcode: number, alignment: number, offset: number): Code {
    return [this.code, opcode, memoryArgument(alignment, offset)];
  }
  /** The word at this address plus `offset` bytes. */
  loadI32(offset = 0): I32 {
    return new I32(this.#load(0x28, 2, offset));
  }
  /** The float at this address plus `offset` bytes. */
  loadF32(offset = 0): F32 {
    return new F32(this.#load(0x2a, 2, offset));
  }
  /** An unsigned byte. */
  loadU8(offset = 0): I32 {
    return new I32(this.#load(0x2d, 0, offset));
  }
  /** A signed byte. */
  loadS8(offset = 0): I32 {
    return new I32(this.#load(0x2c, 0, offset));
  }
  /** An unsigned 16-bit number. */
  loadU16(offset = 0): I32 {
    return new I32(this.#load(0x2f, 1, offset));
  }
  /** Sixteen bytes; the address need not be aligned. */
  loadV128(offset = 0): V128 {
    return new V128([this.code, simd(0x00), memoryArgument(2, offset)]);
  }
  /** One float in all four lanes. */
  loadSplat(offset = 0): V128 {
    return new V128([this.code, simd(0x09), memoryArgument(2, offset)]);
  }
  /** Eight signed bytes, widened to i16x8. */
  loadS8x8(offset = 0): V128 {
    return new V128([this.code, simd(0x01), memoryArgument(0, offset)]);
  }
  /** The word at this address, read in one order by all threads. */
  atomicLoad(offset = 0): I32 {
    return new I32([this.code, 0xfe, 0x10, memoryArgument(2, offset)]);
  }
  /** Adds at this address and gives the value from before. */
  atomicAdd(value: I32Like, offset = 0): I32 {
    const operands = [this.code, I32.of(value).code];
    return new I32([operands, 0xfe, 0x1e, memoryArgument(2, offset)]);
  }
  /** Sleeps while the word at this address holds `expected`, at most `nanoseconds` (−1: for ever). */
  atomicWait(expected: I32Like, nanoseconds = -1): I32 {
    const operands = [this.code, I32.of(expected).code, 0x42, signed(nanoseconds)];
    return new I32([operands, 0xfe, 0x01, memoryArgument(2, 0)]);
  }
  /** Wakes up to `count` sleepers at this address; gives how many were woken. */
  atomicNotify(count: I32Like): I32 {
    const operands = [this.code, I32.of(count).code];
    return new I32([operands, 0xfe, 0x00, memoryArgument(2, 0)]);
  }
}

/** A 32-bit float. Comparisons give an I32 of 0 or 1. */
export class F32 extends Expression {
  /** Tells expressions apart. */
  readonly type = "f32";
  /** The constant `value`. */
  static of(value: F32Like): F32 {
    return typeof value === "number" ? new F32([0x43, ...floatBytes(value)]) : value;
  }
  #one(opcode: number): F32 {
    return new F32([this.code, opcode]);
  }
  #two(opcode: number, other: F32Like): F32 {
    return new F32([this.code, F32.of(other).code, opcode]);
  }
  #compare(opcode: number, other: F32Like): I32 {
    return new I32([this.code, F32.of(other).code, opcode]);
  }
  /** this + other. */
  add(other: F32Like): F32 {
    return this.#two(0x92, other);
  }
  /** this − other. */
  sub(other: F32Like): F32 {
    return this.#two(0x93, other);
  }
  /** this · other. */
  mul(other: F32Like): F32 {
    return this.#two(0x94, other);
  }
  /** this / other. */
  div(other: F32Like): F32 {
    return this.#two(0x95, other);
  }
  /** The smaller one; NaN where either is NaN. */
  min(other: F32Like): F32 {
    return this.#two(0x96, other);
  }
  /** The larger one; NaN where either is NaN. */
  max(other: F32Like): F32 {
    return this.#two(0x97, other);
  }
  /** |this|. */
  abs(): F32 {
    return this.#one(0x8b);
  }
  /** −this. */
  neg(): F32 {
    return this.#one(0x8c);
  }
  /** The largest whole number not above this. */
  floor(): F32 {
    return this.#one(0x8e);
  }
  /** The nearest whole number, halves to the even one. */
  nearest(): F32 {
    return this.#one(0x90);
  }
  /** √this. */
  sqrt(): F32 {
    return this.#one(0x91);
  }
  /** this = other. */
  eq(other: F32Like): I32 {
    return this.#compare(0x5b, other);
  }
  /** this ≠ other. */
  ne(other: F32Like): I32 {
    return this.#compare(0x5c, other);
  }
  /** this < other. */
  lt(other: F32Like): I32 {
    return this.#compare(0x5d, other);
  }
  /** this > other. */
  gt(other: F32Like): I32 {
    return this.#compare(0x5e, other);
  }
  /** this ≤ other. */
  le(other: F32Like): I32 {
    return this.#compare(0x5f, other);
  }
  /** this ≥ other. */
  ge(other: F32Like): I32 {
    return this.#compare(0x60, other);
  }
  /** `condition ? yes : no`; both are evaluated. */
  static select(condition: I32, yes: F32Like, no: F32Like): F32 {
    return new F32([F32.of(yes).code, F32.of(no).code, condition.code, 0x1b]);
  }
  /** Truncated towards zero, saturating; NaN gives 0. */
  toI32(): I32 {
    return new I32([this.code, 0xfc, 0x00]);
  }
  /** The same 32 bits read as an integer. */
  asI32(): I32 {
    return new I32([this.code, 0xbc]);
  }
  /** Four copies. */
  splat(): V128 {
    return new V128([this.code, simd(0x13)]);
  }
}

/** Four lanes: of floats unless the method's name ends in `I` (i32x4). */
export class V128 extends Expression {
  /** Tells expressions apart. */
  readonly type = "v128";
  /** The same float in all four lanes. */
  static of(value: number): V128 {
    return V128.lanes(value, value, value, value);
  }
  /** Four float constants. */
  static lanes(a: number, b: number, c: number, d: number): V128 {
    return new V128([simd(0x0c), ...[a, b, c, d].flatMap(floatBytes)]);
  }
  /** The same integer in all four lanes. */
  static ofI(value: number): V128 {
    const bytes = new Uint8Array(new Int32Array([value, value, value, value]).buffer);
    return new V128([simd(0x0c), ...bytes]);
  }
  #one(opcode: number): V128 {
    return new V128([this.code, simd(opcode)]);
  }
  #two(opcode: number, other: V128): V128 {
    return new V128([this.code, other.code, simd(opcode)]);
  }
  /** this + other. */
  add(other: V128): V128 {
    return this.#two(0xe4, other);
  }
  /** this − other. */
  sub(other: V128): V128 {
    return this.#two(0xe5, other);
  }
  /** this · other. */
  mul(other: V128): V128 {
    return this.#two(0xe6, other);
  }
  /** this / other. */
  div(other: V128): V128 {
    return this.#two(0xe7, other);
  }
  /** The smaller one; NaN where either is NaN. */
  min(other: V128): V128 {
    return this.#two(0xe8, other);
  }
  /** The larger one; NaN where either is NaN. */
  max(other: V128): V128 {
    return this.#two(0xe9, other);
  }
  /** `this < other ? other : this`, one instruction where `max` takes many; NaN in this stays. */
  pmax(other: V128): V128 {
    return this.#two(0xeb, other);
  }
  /** `other < this ? other : this`, one instruction where `min` takes many; NaN in this stays. */
  pmin(other: V128): V128 {
    return this.#two(0xea, other);
  }
  /** |this|. */
  abs(): V128 {
    return this.#one(0xe0);
  }
  /** −this. */
  neg(): V128 {
    return this.#one(0xe1);
  }
  /** √this. */
  sqrt(): V128 {
    return this.#one(0xe3);
  }
  /** The nearest whole numbers, halves to the even one. */
  nearest(): V128 {
    return this.#one(0x6a);
  }
  /** The largest whole numbers not above the lanes. */
  floor(): V128 {
    return this.#one(0x68);
  }
  /** All bits of a lane set where the comparison holds. */
  eq(other: V128): V128 {
    return this.#two(0x41, other);
  }
  /** See `eq`. */
  ne(other: V128): V128 {
    return this.#two(0x42, other);
  }
  /** See `eq`. */
  lt(other: V128): V128 {
    return this.#two(0x43, other);
  }
  /** See `eq`. */
  gt(other: V128): V128 {
    return this.#two(0x44, other);
  }
  /** See `eq`. */
  le(other: V128): V128 {
    return this.#two(0x45, other);
  }
  /** See `eq`. */
  ge(other: V128): V128 {
    return this.#two(0x46, other);
  }
  /** Bitwise and. */
  and(other: V128): V128 {
    return this.#two(0x4e, other);
  }
  /** `this & ~other`. */
  andNot(other: V128): V128 {
    return this.#two(0x4f, other);
  }
  /** Bitwise or. */
  or(other: V128): V128 {
    return this.#two(0x50, other);
  }
  /** Bitwise exclusive or. */
  xor(other: V128): V128 {
    return this.#two(0x51, other);
  }
  /** Bits of `yes` where this mask is set, of `no` elsewhere. */
  bitSelect(yes: V128, no: V128): V128 {
    return new V128([yes.code, no.code, this.code, simd(0x52)]);
  }
  /** Integer sums, modulo 2³². */
  addI(other: V128): V128 {
    return this.#two(0xae, other);
  }
  /** Integer differences, modulo 2³². */
  subI(other: V128): V128 {
    return this.#two(0xb1, other);
  }
  /** Integer products, modulo 2³². */
  mulI(other: V128): V128 {
    return this.#two(0xb5, other);
  }
  /** All bits of a lane set where the integers are equal. */
  eqI(other: V128): V128 {
    return this.#two(0x37, other);
  }
  /** All bits of a lane set where this < other, signed. */
  ltSI(other: V128): V128 {
    return this.#two(0x39, other);
  }
  /** All bits of a lane set where this > other, signed. */
  gtSI(other: V128): V128 {
    return this.#two(0x3b, other);
  }
  /** The 64-bit products of the low (or high) two lanes, unsigned. */
  mulWideU(half: "low" | "high", other: V128): V128 {
    return this.#two(half === "low" ? 0xde : 0xdf, other);
  }
  /** Bits of each lane moved left. */
  shlI(bits: number): V128 {
    return new V128([this.code, I32.of(bits).code, simd(0xab)]);
  }
  /** Bits of each lane moved right, the sign copied in. */
  shrSI(bits: number): V128 {
    return new V128([this.code, I32.of(bits).code, simd(0xac)]);
  }
  /** Bits of each lane moved right, zeros moved in. */
  shrUI(bits: number): V128 {
    return new V128([this.code, I32.of(bits).code, simd(0xad)]);
  }
  /** Floats truncated to i32x4, saturating. */
  toI(): V128 {
    return this.#one(0xf8);
  }
  /** i32x4 converted to floats. */
  toF(): V128 {
    return this.#one(0xfa);
  }
  /** The low (or high) four of i16x8, widened to i32x4. */
  widenS16(half: "low" | "high"): V128 {
    return this.#one(half === "low" ? 0xa7 : 0xa8);
  }
  /** i32x4 of this, then of `other`, as i16x8, saturating. */
  narrowToS16(other: V128): V128 {
    return this.#two(0x85, other);
  }
  /** i16x8 times i16x8, neighbours added: i32x4. */
  dotS16(other: V128): V128 {
    return this.#two(0xba, other);
  }
  /** 1 when any bit is set. */
  anyTrue(): I32 {
    return new I32([this.code, simd(0x53)]);
  }
  /** The float of lane 0–3. */
  lane(index: number): F32 {
    return new F32([this.code, simd(0x1f), index]);
  }
  /** The integer of lane 0–3. */
  laneI(index: number): I32 {
    return new I32([this.code, simd(0x1b), index]);
  }
  /** With one lane replaced by a float. */
  withLane(index: number, value: F32): V128 {
    return new V128([this.code, value.code, simd(0x20), index]);
  }
  /** With one lane replaced by an integer. */
  withLaneI(index: number, value: I32): V128 {
    return new V128([this.code, value.code, simd(0x1c), index]);
  }
  /** Lanes picked from this (0–3) and `other` (4–7). */
  shuffle(other: V128, a: number, b: number, c: number, d: number): V128 {
    const bytes = [a, b, c, d].flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte));
    return new V128([this.code, other.code, simd(0x0d), ...bytes]);
  }
}

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
   * A constant kept in a local from the function's start on. V8 makes a vector constant anew at each use, with three instructions,
   * so one that is used in a loop is better kept.
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
  /** Runs `body` at least once, and again while the condition, evaluated after each round, is not 0. */
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

  /** Imports the function `env.name`; before any function is added, because imports are counted first. */
  import(name: string, parameters: readonly ValueType[], result?: ValueType): FunctionHandle {
    if (this.#functions.length > 0) {
      throw new TypeError("assembler: import before adding functions");
    }
    this.#imports.push({ name, type: this.typeIndex(parameters, result) });
    return { index: this.#imports.length - 1, parameters, result };
  }

  /** Adds a function; `body` writes its statements. With `exported` it is visible from JavaScript. */
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
