/**
 * The element types of a safetensors file: their sizes, and their conversion to the two array types
 * that tensors are made from. All values are little-endian, as is every platform of Deno.
 *
 * @module
 */

/** Name of an element type in the header. */
export type SafetensorsDtype =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "F8_E4M3"
  | "F8_E5M2"
  | "I64"
  | "I32"
  | "I16"
  | "I8"
  | "U64"
  | "U32"
  | "U16"
  | "U8"
  | "BOOL";

/** Bytes of one element of each type that is read and written. */
export const DTYPE_BYTES: Readonly<Record<SafetensorsDtype, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

/** An array that can be written. */
export type SafetensorsArray =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint32Array
  | Uint16Array
  | Uint8Array;

/** The element type of an array, the default when it is written. */
export function dtypeOfArray(array: SafetensorsArray): SafetensorsDtype {
  if (array instanceof Float64Array) return "F64";
  if (array instanceof Float32Array) return "F32";
  if (array instanceof BigInt64Array) return "I64";
  if (array instanceof BigUint64Array) return "U64";
  if (array instanceof Int32Array) return "I32";
  if (array instanceof Int16Array) return "I16";
  if (array instanceof Int8Array) return "I8";
  if (array instanceof Uint32Array) return "U32";
  if (array instanceof Uint16Array) return "U16";
  return "U8";
}

/**
 * Floating-point elements as float32: exact, except that F64 is rounded to nearest.
 * `bytes` are whole elements, at the start of their buffer; F32 shares it, the others do not.
 *
 * @throws {TypeError} if dtype is not a floating-point type
 */
export function decodeFloat32(
  dtype: SafetensorsDtype,
  bytes: Uint8Array<ArrayBuffer>,
): Float32Array<ArrayBuffer> {
  switch (dtype) {
    case "F32":
      return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    case "F64":
      return new Float32Array(
        new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8),
      );
    case "F16":
      return decodeF16(bytes);
    case "BF16":
      return decodeBF16(bytes);
    case "F8_E4M3":
      return decodeBytes(bytes, E4M3);
    case "F8_E5M2":
      return decodeBytes(bytes, E5M2);
    default:
      throw new TypeError(
        `expected a floating-point tensor (F32, F16, BF16, F64, F8_E4M3 or F8_E5M2), got ${dtype}`,
      );
  }
}

function decodeF16(bytes: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  const words = new Int32Array(halves.length);
  for (let i = 0; i < halves.length; i++) words[i] = halfToFloat(halves[i]);
  return new Float32Array(words.buffer);
}

/** A bfloat16 is the upper half of the float32 of the same value. */
function decodeBF16(bytes: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const uppers = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  const values = new Float32Array(uppers.length);
  const halves = new Uint16Array(values.buffer);
  for (let i = 0; i < uppers.length; i++) halves[2 * i + 1] = uppers[i];
  return values;
}

/** Widens bytes by a table of their 256 values. */
function decodeBytes(bytes: Uint8Array, values: Float32Array): Float32Array<ArrayBuffer> {
  const result = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) result[i] = values[bytes[i]];
  return result;
}

/** F8_E5M2 is the upper half of a binary16. */
const E5M2 = new Float32Array(
  Int32Array.from({ length: 256 }, (_, i) => halfToFloat(i << 8)).buffer,
);

/** F8_E4M3 (`float8_e4m3fn`): bias 7, no infinity, NaN for the largest pattern. */
const E4M3 = Float32Array.from({ length: 256 }, (_, i) => {
  const sign = i & 0x80 ? -1 : 1, exponent = (i >> 3) & 15, fraction = i & 7;
  if ((i & 0x7F) === 0x7F) return NaN;
  return sign * (exponent ? (1 + fraction / 8) * 2 ** (exponent - 7) : fraction / 8 * 2 ** -6);
});

const PATTERN = new Int32Array(1), NUMBER = new Float32Array(PATTERN.buffer);

/** The number that the pattern of an IEEE binary16 stands for. */
export function halfToFloat32(half: number): number {
  PATTERN[0] = halfToFloat(half);
  return NUMBER[0];
}

/** IEEE binary16 to the binary32 pattern: 5 exponent bits of bias 15 become 8 of bias 127. */
function halfToFloat(half: number): number {
  const sign = (half & 0x8000) << 16, exponent = (half >>> 10) & 31, fraction = half & 0x3FF;
  if (exponent === 31) return sign | 0x7F800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  const shift = Math.clz32(fraction) - 21; // subnormal: move its first bit to the hidden place
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3FF) << 13);
}

/**
 * Integer and boolean elements as int32. `bytes` are whole elements, at the start of their buffer;
 * I32 shares it, the others do not.
 *
 * @throws {TypeError} if dtype is a floating-point type
 * @throws {RangeError} if a value does not fit
 */
export function decodeInt32(
  dtype: SafetensorsDtype,
  bytes: Uint8Array<ArrayBuffer>,
): Int32Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes;
  switch (dtype) {
    case "I32":
      return new Int32Array(buffer, byteOffset, byteLength / 4);
    case "I64":
      return narrow(new BigInt64Array(buffer, byteOffset, byteLength / 8));
    case "U64":
      return narrow(new BigUint64Array(buffer, byteOffset, byteLength / 8));
    case "U32":
      return narrow(new Uint32Array(buffer, byteOffset, byteLength / 4));
    case "I16":
      return new Int32Array(new Int16Array(buffer, byteOffset, byteLength / 2));
    case "U16":
      return new Int32Array(new Uint16Array(buffer, byteOffset, byteLength / 2));
    case "I8":
      return new Int32Array(new Int8Array(buffer, byteOffset, byteLength));
    case "U8":
    case "BOOL":
      return new Int32Array(bytes);
    default:
      throw new TypeError(`expected an integer tensor (I64 … U8 or BOOL), got ${dtype}`);
  }
}

function narrow(values: BigInt64Array | BigUint64Array | Uint32Array): Int32Array<ArrayBuffer> {
  const result = new Int32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = Number(values[i]);
    if (value !== (value | 0)) {
      throw new RangeError(`element ${i} is ${values[i]}, which does not fit int32`);
    }
    result[i] = value;
  }
  return result;
}
