/**
 * Typed WebAssembly expressions: `I32`, `F32` and `V128`, whose methods are the instructions.
 *
 * Nothing runs while they are built; function_builder.ts turns them into statements. Source of the
 * opcodes: WebAssembly core specification 2.0 with the threads and relaxed-SIMD proposals.
 *
 * @module
 */
import { type Code, floatBytes, memoryArgument, signed, simd } from "./encoding.ts";

/** The value types that kernels use. */
export type ValueType = "i32" | "f32" | "v128";

/** An i32 expression, or a number for a constant. */
export type I32Like = I32 | number;
/** An f32 expression, or a number for a constant. */
export type F32Like = F32 | number;

/** Base of expressions: instructions that leave one value on the stack. */
export abstract class Expression {
  /**
   * Wraps the instructions that leave the value; `local` is the local's index if they only read a
   * local.
   */
  constructor(readonly code: Code, readonly local?: number) {}
  /** The value's type. */
  abstract readonly type: ValueType;

  /**
   * JavaScript's operators would silently compute NaN from an expression.
   *
   * @throws {TypeError} always
   */
  [Symbol.toPrimitive](): never {
    throw new TypeError(
      "kernel: an expression has no value while the kernel is built; use its methods, such as " +
        "x.mul(2) and output.at(i), instead of * and [i]",
    );
  }
}

/** A 32-bit integer or address. Comparisons give 0 or 1. */
export class I32 extends Expression {
  /** The value's type. */
  readonly type = "i32";
  /**
   * The constant `value`, signed or unsigned.
   *
   * @throws {RangeError} if `value` is not a whole number of 32 bits
   */
  static of(value: I32Like): I32 {
    if (typeof value !== "number") return value;
    if (!Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 32) {
      throw new RangeError(`assembler: an i32 must be a whole number of 32 bits; got ${value}`);
    }
    return new I32([0x41, signed(value | 0)]);
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
  /** The unsigned quotient; traps if `other` is 0. */
  divU(other: I32Like): I32 {
    return this.#two(0x6e, other);
  }
  /** The unsigned remainder; traps if `other` is 0. */
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
  /** 1 if this is 0. */
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
  /** `condition ? yes : no`; both are evaluated. */
  static select(condition: I32, yes: I32Like, no: I32Like): I32 {
    return new I32([I32.of(yes).code, I32.of(no).code, condition.code, 0x1b]);
  }
  /** The bytes of this many 32-bit elements: 4·this. */
  inBytes(): I32 {
    return this.shl(2);
  }
  /** The address of 32-bit element `index` of the array at this address: this + 4·index. */
  at(index: I32Like): I32 {
    return this.add(typeof index === "number" ? 4 * index : index.inBytes());
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
  #load(opcode: number, alignment: number, offset: number, memory = 0): Code {
    return [this.code, opcode, memoryArgument(alignment, offset, memory)];
  }
  /** The word at this address plus `offset` bytes. */
  loadI32(offset = 0): I32 {
    return new I32(this.#load(0x28, 2, offset));
  }
  /** The float at this address plus `offset` bytes, of the module's first memory or its second. */
  loadF32(offset = 0, memory = 0): F32 {
    return new F32(this.#load(0x2a, 2, offset, memory));
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
  /** Sixteen bytes of the first memory or the second; the address need not be aligned. */
  loadV128(offset = 0, memory = 0): V128 {
    return new V128([this.code, simd(0x00), memoryArgument(2, offset, memory)]);
  }
  /** One float, of the first memory or the second, in all four lanes. */
  loadSplat(offset = 0, memory = 0): V128 {
    return new V128([this.code, simd(0x09), memoryArgument(2, offset, memory)]);
  }
  /** Eight signed bytes, widened to i16x8. */
  loadS8x8(offset = 0): V128 {
    return new V128([this.code, simd(0x01), memoryArgument(0, offset)]);
  }
  /** The word at this address; all threads see such reads in one order. */
  atomicLoad(offset = 0): I32 {
    return new I32([this.code, 0xfe, 0x10, memoryArgument(2, offset)]);
  }
  /** Adds at this address; its value is the one from before. */
  atomicAdd(value: I32Like, offset = 0): I32 {
    const operands = [this.code, I32.of(value).code];
    return new I32([operands, 0xfe, 0x1e, memoryArgument(2, offset)]);
  }
  /**
   * Sleeps while the word at this address is `expected`, at most `nanoseconds` (−1: forever).
   */
  atomicWait(expected: I32Like, nanoseconds = -1): I32 {
    const operands = [this.code, I32.of(expected).code, 0x42, signed(nanoseconds)];
    return new I32([operands, 0xfe, 0x01, memoryArgument(2, 0)]);
  }
  /** Wakes up to `count` sleepers at this address; its value is how many were woken. */
  atomicNotify(count: I32Like): I32 {
    const operands = [this.code, I32.of(count).code];
    return new I32([operands, 0xfe, 0x00, memoryArgument(2, 0)]);
  }
}

/** A 32-bit float. Comparisons give an I32 of 0 or 1. */
export class F32 extends Expression {
  /** The value's type. */
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
  /** The smaller one; NaN if either is NaN. */
  min(other: F32Like): F32 {
    return this.#two(0x96, other);
  }
  /** The larger one; NaN if either is NaN. */
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
  /** The largest integer not above this. */
  floor(): F32 {
    return this.#one(0x8e);
  }
  /** Rounded to the nearest integer, ties to even. */
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
  /** Truncated toward zero, saturating; NaN becomes 0. */
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
  /** The value's type. */
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
  /** The same i16 in all eight lanes. */
  static ofI16(value: number): V128 {
    return V128.ofI((value & 0xffff) * 0x10001 | 0);
  }
  #one(opcode: number): V128 {
    return new V128([this.code, simd(opcode)]);
  }
  #shift(opcode: number, bits: number): V128 {
    return new V128([this.code, I32.of(bits).code, simd(opcode)]);
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
  /** The smaller one; NaN if either is NaN. */
  min(other: V128): V128 {
    return this.#two(0xe8, other);
  }
  /** The larger one; NaN if either is NaN. */
  max(other: V128): V128 {
    return this.#two(0xe9, other);
  }
  /**
   * `this < other ? other : this`, one instruction instead of many for `max`; NaN in this stays.
   */
  pmax(other: V128): V128 {
    return this.#two(0xeb, other);
  }
  /**
   * `other < this ? other : this`, one instruction instead of many for `min`; NaN in this stays.
   */
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
  /** Rounded to the nearest integers, ties to even. */
  nearest(): V128 {
    return this.#one(0x6a);
  }
  /** The largest integers not above the lanes. */
  floor(): V128 {
    return this.#one(0x68);
  }
  /** A mask: all bits of each lane with this = other. */
  eq(other: V128): V128 {
    return this.#two(0x41, other);
  }
  /** A mask: all bits of each lane with this ≠ other. */
  ne(other: V128): V128 {
    return this.#two(0x42, other);
  }
  /** A mask: all bits of each lane with this < other. */
  lt(other: V128): V128 {
    return this.#two(0x43, other);
  }
  /** A mask: all bits of each lane with this > other. */
  gt(other: V128): V128 {
    return this.#two(0x44, other);
  }
  /** A mask: all bits of each lane with this ≤ other. */
  le(other: V128): V128 {
    return this.#two(0x45, other);
  }
  /** A mask: all bits of each lane with this ≥ other. */
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
  /** The bits of `yes` that this mask selects, and the others of `no`. */
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
  /** A mask: all bits of each lane whose integers are equal. */
  eqI(other: V128): V128 {
    return this.#two(0x37, other);
  }
  /** A mask: all bits of each lane with this < other, signed. */
  ltSI(other: V128): V128 {
    return this.#two(0x39, other);
  }
  /** A mask: all bits of each lane with this > other, signed. */
  gtSI(other: V128): V128 {
    return this.#two(0x3b, other);
  }
  /** The 64-bit products of the low (or high) two lanes, unsigned. */
  mulWideU(half: "low" | "high", other: V128): V128 {
    return this.#two(half === "low" ? 0xde : 0xdf, other);
  }
  /** Bits of each lane moved left. */
  shlI(bits: number): V128 {
    return this.#shift(0xab, bits);
  }
  /** Bits of each lane moved right, the sign copied in. */
  shrSI(bits: number): V128 {
    return this.#shift(0xac, bits);
  }
  /** Bits of each lane moved right, zeros moved in. */
  shrUI(bits: number): V128 {
    return this.#shift(0xad, bits);
  }
  /** Bits of each byte moved left. */
  shlI8(bits: number): V128 {
    return this.#shift(0x6b, bits);
  }
  /** Bits of each byte moved right, the sign copied in. */
  shrSI8(bits: number): V128 {
    return this.#shift(0x6c, bits);
  }
  /** i16x8 sums, modulo 2¹⁶. */
  addI16(other: V128): V128 {
    return this.#two(0x8e, other);
  }
  /** Bits of each i16 moved left. */
  shlI16(bits: number): V128 {
    return this.#shift(0x8b, bits);
  }
  /** Bits of each i16 moved right, the sign copied in. */
  shrSI16(bits: number): V128 {
    return this.#shift(0x8c, bits);
  }
  /** Bits of each i16 moved right, zeros moved in. */
  shrUI16(bits: number): V128 {
    return this.#shift(0x8d, bits);
  }
  /** Floats truncated to i32x4, saturating. */
  toI(): V128 {
    return this.#one(0xf8);
  }
  /** i32x4 converted to floats. */
  toF(): V128 {
    return this.#one(0xfa);
  }
  /** The low (or high) eight of i8x16, widened to i16x8. */
  widenS8(half: "low" | "high"): V128 {
    return this.#one(half === "low" ? 0x87 : 0x88);
  }
  /** The low (or high) four of i16x8, widened to i32x4. */
  widenS16(half: "low" | "high"): V128 {
    return this.#one(half === "low" ? 0xa7 : 0xa8);
  }
  /** i16x8 of this, then of `other`, as i8x16, saturating. */
  narrowToS8(other: V128): V128 {
    return this.#two(0x65, other);
  }
  /** i32x4 of this, then of `other`, as i16x8, saturating. */
  narrowToS16(other: V128): V128 {
    return this.#two(0x85, other);
  }
  /** i16x8 times i16x8, neighbors added: i32x4. */
  dotS16(other: V128): V128 {
    return this.#two(0xba, other);
  }
  /**
   * i8x16 times `other`, i8x16 of 0 … 127, neighbors added: i16x8. Relaxed SIMD; the sums must fit
   * into 16 bits.
   */
  dotS8U7(other: V128): V128 {
    return this.#two(0x112, other);
  }
  /** 1 if any bit is set. */
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
