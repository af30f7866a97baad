/**
 * Weight matrices in 8 or 4 bits: how weights are rounded and stored.
 *
 * quantized_linear.ts and quantized_embedding.ts compute with them; lib/nn/quantize.ts rounds a
 * whole model, lib/hub/quantized_rows.ts one that is being loaded.
 *
 * @module
 */
import { currentDevice } from "../device/current_device.ts";
import type { Device } from "../device/device.ts";
import { checkOptions } from "../options.ts";
import { formatShape } from "../shape.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

/** The number of bits of a rounded weight. */
export type WeightBits = 8 | 4;

/**
 * A weight matrix in few bits: outputs × inputs, each row in blocks of `group` weights that share a
 * scale.
 */
export interface QuantizedMatrix {
  /**
   * i32 [outputs, blocks, 1 + group·bits/32]: the bits of the scale in f32, then the weights: a
   * byte each in 8 bits; in 4, byte j of the 16 bytes of 32 weights holds weight j in its low half
   * and weight j + 16 in its high half.
   */
  readonly blocks: Tensor;
  /** N, rows. */
  readonly outputs: number;
  /** K, weights in a row; the last block is filled up with zeros. */
  readonly inputs: number;
  /** Weights that share a scale. */
  readonly group: number;
  /** Bits of a weight. */
  readonly bits: WeightBits;
}

/** How weights are rounded. */
export interface RoundingOptions {
  /** Bits of a weight. Default 8. */
  bits?: WeightBits;
  /**
   * Weights that share a scale of 4 bytes: in 8 bits a multiple of 16 up to 256, default 64; in 4
   * bits a multiple of 32 up to 256, default 32. Smaller groups are more exact.
   */
  group?: number;
}

/** Options of `quantizeMatrix`. */
export interface QuantizeMatrixOptions extends RoundingOptions {
  /** The weights are [outputs, inputs] rather than [inputs, outputs]. Default false. */
  transposed?: boolean;
  /** Default: the device opened last. */
  device?: Device;
}

/** The largest integers; the most negative one is not used, so that w and −w are alike. */
const LARGEST: Readonly<Record<WeightBits, number>> = { 8: 127, 4: 7 };
const MULTIPLE: Readonly<Record<WeightBits, number>> = { 8: 16, 4: 32 };
const GROUP: Readonly<Record<WeightBits, number>> = { 8: 64, 4: 32 };

/**
 * Checks how weights are rounded, and fills in defaults.
 *
 * @throws {RangeError} if the bits are not 8 or 4, or the group is impossible
 */
export function expectRounding(
  operation: string,
  { bits = 8, group = GROUP[bits] }: RoundingOptions,
): Required<RoundingOptions> {
  if (bits !== 8 && bits !== 4) {
    throw new RangeError(`${operation}: bits must be 8 or 4, got ${bits}`);
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
 * (or max |w| / 7) and q the nearest whole number, so that |w − scale · q| ≤ scale / 2.
 *
 * @throws {RangeError} if the bits or the group are impossible
 * @throws {TypeError} unless `shape` has two axes
 */
export function quantizeMatrix(
  weights: Float32Array,
  shape: readonly number[],
  options: QuantizeMatrixOptions = {},
): QuantizedMatrix {
  const known = { bits: true, group: true, transposed: true, device: true };
  checkOptions("quantizeMatrix", options, known);
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
  { bits, group, device }: Required<RoundingOptions> & { device: Device },
): QuantizedMatrix {
  const words = Math.ceil(inputs / group) * wordsOf({ bits, group });
  const shape = [outputs, Math.ceil(inputs / group), wordsOf({ bits, group })];
  const blocks = empty([outputs * words], { dtype: "i32", device }).view(shape);
  return { blocks, outputs, inputs, group, bits };
}

/** Rounds rows [count, inputs] and writes them to the matrix from row `first` on. */
export function writeRows(matrix: QuantizedMatrix, first: number, rows: Float32Array): void {
  const { inputs } = matrix;
  write(matrix, first, rounded(rows, rows.length / inputs, matrix, { row: inputs, column: 1 }));
}

/** 32-bit words of a block. */
function wordsOf({ bits, group }: Required<RoundingOptions>): number {
  return 1 + group * bits / 32;
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
  { inputs, group, bits }: Pick<QuantizedMatrix, "inputs" | "group" | "bits">,
  steps: Steps,
): Int32Array {
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
