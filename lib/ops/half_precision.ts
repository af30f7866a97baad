/**
 * Float32 as 16 bits: bfloat16, the upper half of a float32, and IEEE binary16.
 *
 * See lib/hub/safetensors_dtype.ts for the way back on the host, kernels/cpu/half_linear.ts for the
 * one in kernels.
 *
 * @module
 */
import { describe } from "../errors.ts";

/** A format of 16 bits: `bf16` has f32's range and 8 bits of precision, `f16` 11 up to 65504. */
export type HalfType = "bf16" | "f16";

/**
 * The type, by default bf16.
 *
 * @throws {RangeError} if there is no such type
 */
export function expectHalfType(operation: string, type: HalfType = "bf16"): HalfType {
  if (type === "bf16" || type === "f16") return type;
  throw new RangeError(`${operation}: type must be bf16 or f16, got ${describe(type)}`);
}

/** Magnitudes from here on, as patterns of float32, round to infinity. */
const BEYOND: Readonly<Record<HalfType, number>> = { bf16: 0x7F7F8000, f16: 0x477FF000 };

/**
 * Writes the nearest numbers of a type, of two equally near the even one: exact for numbers that
 * the type has.
 *
 * @throws {RangeError} if a number would round to infinity
 */
export function toHalf(type: HalfType, values: Float32Array, halves: Uint16Array): void {
  const words = new Int32Array(values.buffer, values.byteOffset, values.length);
  const beyond = BEYOND[type];
  for (let i = 0; i < words.length; i++) {
    if ((words[i] & 0x7FFFFFFF) >= beyond) throw tooLarge(type, values[i]);
  }
  if (type === "bf16") toBfloat16(words, halves);
  else toBinary16(words, values, halves);
}

function tooLarge(type: HalfType, value: number): RangeError {
  const hint = type === "f16" ? "; bf16 has f32's range" : "";
  return new RangeError(`a weight of ${value} is beyond the range of ${type}${hint}`);
}

function toBfloat16(words: Int32Array, halves: Uint16Array): void {
  for (let i = 0; i < words.length; i++) {
    const upper = words[i] >>> 16; // with the sign; sums of 31 bits are several times as fast
    halves[i] = upper + ((words[i] & 0xFFFF) + 0x7FFF + (upper & 1) >> 16);
  }
}

function toBinary16(words: Int32Array, values: Float32Array, halves: Uint16Array): void {
  for (let i = 0; i < words.length; i++) {
    halves[i] = binary16(words[i] & 0x7FFFFFFF, values[i]) | (words[i] >>> 16 & 0x8000);
  }
}

function binary16(size: number, value: number): number {
  if (size >= 0x38800000) return (size - 0x38000000 + 0xFFF + (size >> 13 & 1)) >> 13;
  const units = Math.abs(value) * 2 ** 24; // of a subnormal number
  const whole = Math.floor(units), rest = units - whole;
  return whole + (rest > 0.5 || rest === 0.5 && whole & 1 ? 1 : 0);
}
