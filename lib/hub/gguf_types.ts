/**
 * The types of numbers in a GGUF file, and their way to float32, exact to the bit.
 *
 * A quantized type is stored in blocks: scales, then integers. Source: ggml-quants.c of
 * github.com/ggml-org/ggml, whose names are used here.
 *
 * @module
 */
import { decodeFloat32, halfToFloat32 } from "./safetensors_dtype.ts";

/** Blocks as float32: `bytes` are whole blocks, at the start of their buffer. */
type Decode = (bytes: Uint8Array<ArrayBuffer>) => Float32Array<ArrayBuffer>;

/** How a tensor's numbers are stored. */
export interface GgufType {
  /** Its name in messages. */
  readonly name: string;
  /** Numbers of a block. */
  readonly block: number;
  /** Bytes of a block. */
  readonly bytes: number;
  /** Whole blocks as float32. */
  readonly decode: Decode;
}

/** Writes the numbers of the block at byte `at` to `to`, from its element `first` on. */
type DecodeBlock = (bytes: Uint8Array, at: number, to: Float32Array, first: number) => void;

function quantized(name: string, block: number, bytes: number, decodeBlock: DecodeBlock): GgufType {
  const decode: Decode = (from) => {
    const values = new Float32Array(from.length / bytes * block);
    for (let at = 0, first = 0; at < from.length; at += bytes, first += block) {
      decodeBlock(from, at, values, first);
    }
    return values;
  };
  return { name, block, bytes, decode };
}

const half = (bytes: Uint8Array, at: number) => halfToFloat32(bytes[at] | bytes[at + 1] << 8);

/** In 16 bytes, byte j holds integer j in its low half and integer j + 16 in its high half. */
const halfByte = (bytes: Uint8Array, at: number, j: number) =>
  j < 16 ? bytes[at + j] & 15 : bytes[at + j - 16] >> 4;

/** The fifth bit of integer j of 32. */
const fifthBit = (bytes: Uint8Array, at: number, j: number) =>
  (bytes[at + (j >> 3)] >> (j & 7) & 1) << 4;

/** The 6-bit scale and minimum of the j-th of a super-block's eight blocks, in 12 bytes. */
function scaleAndMinimum(bytes: Uint8Array, at: number, j: number): [number, number] {
  if (j < 4) return [bytes[at + j] & 63, bytes[at + j + 4] & 63];
  const low = bytes[at + j + 4];
  return [low & 15 | bytes[at + j - 4] >> 6 << 4, low >> 4 | bytes[at + j] >> 6 << 4];
}

/** Q4_K, or Q5_K with `fifth`, the place of the integers' fifth bits. */
function superBlock(fifth: number | undefined): DecodeBlock {
  return (bytes, at, to, first) => {
    const scale = half(bytes, at), minimum = half(bytes, at + 2);
    const integers = at + (fifth === undefined ? 16 : 48);
    for (let j = 0; j < 8; j++) {
      const [d, m] = scaleAndMinimum(bytes, at + 4, j);
      for (let i = 0; i < 32; i++) {
        const byte = bytes[integers + 32 * (j >> 1) + i];
        const low = j & 1 ? byte >> 4 : byte & 15;
        const high = fifth === undefined ? 0 : (bytes[at + fifth + i] >> j & 1) << 4;
        to[first + 32 * j + i] = scale * d * (low | high) - minimum * m;
      }
    }
  };
}

/** Q6_K: 128 bytes of low halves, 64 of upper two bits, 16 scales, and the scale of these. */
const sixBits: DecodeBlock = (bytes, at, to, first) => {
  const scale = half(bytes, at + 208);
  for (let i = 0; i < 256; i++) {
    const byte = bytes[at + 64 * (i >> 7) + (i & 63)];
    const low = i & 64 ? byte >> 4 : byte & 15;
    const high = bytes[at + 128 + 32 * (i >> 7) + (i & 31)] >> (2 * (i >> 5 & 3)) & 3;
    const own = bytes[at + 192 + (i >> 4)] << 24 >> 24; // signed
    to[first + i] = scale * own * ((low | high << 4) - 32);
  }
};

const float = (name: "F32" | "F16" | "BF16" | "F64", bytes: number): GgufType => ({
  name,
  block: 1,
  bytes,
  decode: (from) => decodeFloat32(name, from),
});

/** The types that open, by their ids. */
export const GGUF_TYPES: ReadonlyMap<number, GgufType> = new Map([
  [0, float("F32", 4)],
  [1, float("F16", 2)],
  [
    2,
    quantized("Q4_0", 32, 18, (bytes, at, to, first) => {
      const scale = half(bytes, at);
      for (let j = 0; j < 32; j++) to[first + j] = scale * (halfByte(bytes, at + 2, j) - 8);
    }),
  ],
  [
    3,
    quantized("Q4_1", 32, 20, (bytes, at, to, first) => {
      const scale = half(bytes, at), minimum = half(bytes, at + 2);
      for (let j = 0; j < 32; j++) to[first + j] = scale * halfByte(bytes, at + 4, j) + minimum;
    }),
  ],
  [
    6,
    quantized("Q5_0", 32, 22, (bytes, at, to, first) => {
      const scale = half(bytes, at);
      for (let j = 0; j < 32; j++) {
        const integer = halfByte(bytes, at + 6, j) | fifthBit(bytes, at + 2, j);
        to[first + j] = scale * (integer - 16);
      }
    }),
  ],
  [
    7,
    quantized("Q5_1", 32, 24, (bytes, at, to, first) => {
      const scale = half(bytes, at), minimum = half(bytes, at + 2);
      for (let j = 0; j < 32; j++) {
        const integer = halfByte(bytes, at + 8, j) | fifthBit(bytes, at + 4, j);
        to[first + j] = scale * integer + minimum;
      }
    }),
  ],
  [
    8,
    quantized("Q8_0", 32, 34, (bytes, at, to, first) => {
      const scale = half(bytes, at);
      for (let j = 0; j < 32; j++) to[first + j] = scale * (bytes[at + 2 + j] << 24 >> 24);
    }),
  ],
  [12, quantized("Q4_K", 256, 144, superBlock(undefined))],
  [13, quantized("Q5_K", 256, 176, superBlock(16))],
  [14, quantized("Q6_K", 256, 210, sixBits)],
  [28, float("F64", 8)],
  [30, float("BF16", 2)],
]);

/** Types that are known and not read. */
const OTHERS: Readonly<Record<number, string>> = {
  9: "Q8_1",
  10: "Q2_K",
  11: "Q3_K",
  15: "Q8_K",
  16: "IQ2_XXS",
  17: "IQ2_XS",
  18: "IQ3_XXS",
  19: "IQ1_S",
  20: "IQ4_NL",
  21: "IQ3_S",
  22: "IQ2_S",
  23: "IQ4_XS",
  24: "I8",
  25: "I16",
  26: "I32",
  27: "I64",
  29: "IQ1_M",
  34: "TQ1_0",
  35: "TQ2_0",
  39: "MXFP4",
  40: "NVFP4",
  41: "Q1_0",
};

/** Why a type is refused. */
export function unknownGgufType(id: number): string {
  const known = [...GGUF_TYPES.values()].map(({ name }) => name).join(", ");
  return `expected a type of ${known}, got ${OTHERS[id] ?? `number ${id}`}`;
}
