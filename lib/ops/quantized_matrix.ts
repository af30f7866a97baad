/**
 * Weight matrices in 16, 8 or 4 bits: how weights are rounded and stored.
 *
 * quantized_linear.ts and quantized_embedding.ts compute with them, dequantize.ts widens them,
 * half_precision.ts rounds to 16 bits; lib/nn/quantize.ts rounds a whole model,
 * lib/hub/quantized_weights.ts one that is being loaded.
 *
 * @module
 */
import { currentDevice } from "../device/current_device.ts";
import type { Device } from "../device/device.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { formatShape } from "../shape.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import { expectHalfType, type HalfType, toHalf } from "./half_precision.ts";

/** The number of bits of a rounded weight. */
export type WeightBits = 16 | 8 | 4;

/**
 * A weight matrix in few bits: outputs × inputs, each row in blocks of `group` weights, which share
 * a scale in 8 and 4 bits.
 */
export interface QuantizedMatrix {
  /**
   * i32 [outputs, blocks, 1 + group·bits/32]: the bits of the scale in f32, then the weights: a
   * byte each in 8 bits; in 4, byte j of the 16 bytes of 32 weights holds weight j in its low half
   * and weight j + 16 in its high half. In 16 bits [outputs, blocks, 4], without a scale: word j of
   * 8 weights holds weight j in its low half and weight j + 4 in its high half.
   */
  readonly blocks: Tensor;
  /** N, rows. */
  readonly outputs: number;
  /** K, weights in a row; the last block is filled up with zeros. */
  readonly inputs: number;
  /** Weights of a block; 8 in 16 bits. */
  readonly group: number;
  /** Bits of a weight. */
  readonly bits: WeightBits;
  /** The format of 16 bits; absent in 8 and 4. */
  readonly type?: HalfType;
}

/** How weights are rounded. */
export interface RoundingOptions {
  /** Bits of a weight. Default 8. */
  bits?: WeightBits;
  /**
   * Weights that share a scale of 4 bytes: in 8 bits a multiple of 16 up to 256, default 64; in 4
   * bits a multiple of 32 up to 256, default 32. Smaller groups are more exact. Not for 16 bits.
   */
  group?: number;
  /** The format of 16 bits: `bf16`, which has f32's range, or `f16`. Default `bf16`. */
  type?: HalfType;
}

/** The names of these options. */
export const ROUNDING_OPTIONS: OptionNames<RoundingOptions> = {
  bits: true,
  group: true,
  type: true,
};

/** How weights are rounded, checked. */
export interface Rounding extends Pick<QuantizedMatrix, "bits" | "group" | "type"> {}

/** Options of `quantizeMatrix`. */
export interface QuantizeMatrixOptions extends RoundingOptions {
  /** The weights are [outputs, inputs] rather than [inputs, outputs]. Default false. */
  transposed?: boolean;
  /** Default: the device opened last. */
  device?: Device;
}

/** The largest integers; the most negative one is not used, so that w and −w are alike. */
const LARGEST: Readonly<Record<8 | 4, number>> = { 8: 127, 4: 7 };
const MULTIPLE: Readonly<Record<8 | 4, number>> = { 8: 16, 4: 32 };
const GROUP: Readonly<Record<WeightBits, number>> = { 16: 8, 8: 64, 4: 32 };

/**
 * Checks how weights are rounded, and fills in defaults.
 *
 * @throws {RangeError} if the bits are not 16, 8 or 4, or the group or the type is impossible
 */
export function expectRounding(
  operation: string,
  { bits = 8, group = GROUP[bits], type }: RoundingOptions,
): Rounding {
  if (bits !== 16 && bits !== 8 && bits !== 4) {
    throw new RangeError(`${operation}: bits must be 16, 8 or 4, got ${bits}`);
  }
  if (bits === 16) {
    if (group === GROUP[16]) return { bits, group, type: expectHalfType(operation, type) };
    throw new RangeError(`${operation}: 16 bits have no group, got ${group}`);
  }
  if (type !== undefined) {
    throw new RangeError(`${operation}: type is for 16 bits, got ${type} for ${bits}`);
  }
  const multiple = MULTIPLE[bits];
  if (!Number.isInteger(group) || group % multiple !== 0 || group < multiple || group > 256) {
    throw new RangeError(
      `${operation}: the group must be a multiple of ${multiple} up to 256, got ${group}`,
    );
  }
  return { bits, group };
}

/**
 * Rounds a weight matrix to 8 or 4 bits: in each group w ≈ scale · q, with scale = max |w| / 127
 * (or max |w| / 7) and q the nearest whole number, so that |w − scale · q| ≤ scale / 2. In 16 bits
 * each weight becomes the nearest number of the type, itself if it has that type.
 *
 * @throws {RangeError} if the bits, the group or the type are impossible, or a weight is beyond the
 *   type's range
 * @throws {TypeError} unless `shape` has two axes
 */
export function quantizeMatrix(
  weights: Float32Array,
  shape: readonly number[],
  options: QuantizeMatrixOptions = {},
): QuantizedMatrix {
  checkOptions("quantizeMatrix", options, { ...ROUNDING_OPTIONS, transposed: true, device: true });
  const { transposed = false, device = currentDevice() } = options;
  const rounding = expectRounding("quantizeMatrix", options);
  if (shape.length !== 2 || shape[0] * shape[1] !== weights.length) {
    throw new TypeError(
      `quantizeMatrix: expected ${weights.length} weights in two axes, got ${formatShape(shape)}`,
    );
  }
  const [outputs, inputs] = transposed ? shape : [shape[1], shape[0]];
  const matrix = emptyMatrix(outputs, inputs, { ...rounding, device });
  const steps = transposed ? { row: inputs, column: 1 } : { row: 1, column: outputs };
  for (let first = 0; first < outputs; first += ROWS) {
    const count = Math.min(ROWS, outputs - first);
    write(matrix, first, rounded(weights.subarray(first * steps.row), count, matrix, steps));
  }
  return matrix;
}

/** Rows that are rounded together: the host holds no more of a large matrix. */
const ROWS = 1024;

/** A matrix on the device whose rows `writeRows` fills. */
export function emptyMatrix(
  outputs: number,
  inputs: number,
  { bits, group, type, device }: Rounding & { device: Device },
): QuantizedMatrix {
  const perRow = Math.ceil(inputs / group), perBlock = wordsOf({ bits, group });
  const blocks = empty([outputs * perRow * perBlock], { dtype: "i32", device })
    .view([outputs, perRow, perBlock]);
  return { blocks, outputs, inputs, group, bits, type };
}

/** Rounds rows [count, inputs] and writes them to the matrix from row `first` on. */
export function writeRows(matrix: QuantizedMatrix, first: number, rows: Float32Array): void {
  const { inputs } = matrix;
  write(matrix, first, rounded(rows, rows.length / inputs, matrix, { row: inputs, column: 1 }));
}

/** 32-bit words of a block. */
function wordsOf({ bits, group }: Pick<Rounding, "bits" | "group">): number {
  return (bits === 16 ? 0 : 1) + group * bits / 32;
}

function write({ blocks }: QuantizedMatrix, first: number, words: Int32Array): void {
  const { allocation, byteOffset } = blocks.storage;
  const rowBytes = 4 * blocks.size / blocks.shape[0];
  const at = byteOffset + first * rowBytes;
  blocks.device.write({ allocation, byteOffset: at, bytes: words.byteLength }, words);
}

/** Distances between neighboring weights of a column and of a row. */
interface Steps {
  readonly row: number;
  readonly column: number;
}

function rounded(
  weights: Float32Array,
  rows: number,
  { inputs, group, bits, type }: QuantizedMatrix,
  steps: Steps,
): Int32Array {
  if (bits === 16) return halves(weights, rows, { inputs, type: type! }, steps);
  const count = Math.ceil(inputs / group), perBlock = wordsOf({ bits, group });
  const words = new Int32Array(rows * count * perBlock);
  const bytes = new Int8Array(words.buffer), scales = new Float32Array(words.buffer);
  const integers = new Int8Array(group);
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < count; block++) {
      const first = row * steps.row + block * group * steps.column;
      const length = Math.min(group, inputs - block * group);
      const word = (row * count + block) * perBlock;
      const end = first + length * steps.column;
      scales[word] = maximumSize(weights, first, end, steps.column) / LARGEST[bits];
      const scale = scales[word]; // as float32
      if (scale === 0) continue;
      roundInto(integers, weights, first, end, steps.column, scale);
      if (bits === 8) bytes.set(integers, 4 * word + 4);
      else packNibbles(integers, bytes, 4 * word + 4);
    }
  }
  return words;
}

/** Rows in 16 bits, filled up with zeros: weights j and j + 4 of eight share a word. */
function halves(
  weights: Float32Array,
  rows: number,
  { inputs, type }: { readonly inputs: number; readonly type: HalfType },
  steps: Steps,
): Int32Array {
  const perRow = 8 * Math.ceil(inputs / 8);
  const words = new Int32Array(rows * perRow / 2), half = new Uint16Array(perRow);
  let row: Float32Array = new Float32Array(inputs), at = 0;
  for (let r = 0; r < rows; r++) {
    if (steps.column === 1) row = weights.subarray(r * steps.row, r * steps.row + inputs);
    else for (let i = 0; i < inputs; i++) row[i] = weights[r * steps.row + i * steps.column];
    toHalf(type, row, half);
    for (let i = 0; i < perRow; i += 8) {
      for (let j = i; j < i + 4; j++) words[at++] = half[j] | half[j + 4] << 16;
    }
  }
  return words;
}

function maximumSize(weights: Float32Array, first: number, end: number, step: number): number {
  let largest = 0;
  for (let i = first; i < end; i += step) largest = Math.max(largest, Math.abs(weights[i]));
  return largest;
}

/** The nearest integers to weights / scale, filled up with zeros. */
function roundInto(
  integers: Int8Array,
  weights: Float32Array,
  first: number,
  end: number,
  step: number,
  scale: number,
): void {
  let at = 0;
  // Math.round is several times slower.
  for (let i = first; i < end; i += step) integers[at++] = Math.floor(weights[i] / scale + 0.5);
  if (at < integers.length) integers.fill(0, at);
}

function packNibbles(integers: Int8Array, bytes: Int8Array, at: number): void {
  for (let i = 0; i < integers.length; i += 32) {
    for (let j = 0; j < 16; j++) {
      bytes[at++] = (integers[i + j] & 15) | integers[i + j + 16] << 4;
    }
  }
}
