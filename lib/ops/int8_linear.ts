/**
 * Linear layers with 8-bit weights, for generation and evaluation: a quarter of the memory, and of
 * the bytes that a token must read.
 *
 * No gradient flows. See lib/nn/quantize.ts for a whole model.
 *
 * @module
 */
import { int8Linear as cpu } from "../../kernels/cpu/int8_linear.ts";
import { wgsl } from "../../kernels/webgpu/sources.ts";
import type { Device } from "../device/device.ts";
import type { Kernel } from "../device/kernel.ts";
import { formatShape } from "../shape.ts";
import { checkOptions } from "../options.ts";
import { isTracked } from "../tensor/autograd.ts";
import { expectType, launch } from "../tensor/launch.ts";
import { expectShape } from "./matmul.ts";
import { type Activation, expectActivation } from "./activation.ts";
import { buildEpilogue } from "./epilogue.ts";
import { empty, type Tensor, tensor } from "../tensor/tensor.ts";

const KERNEL: Kernel = {
  name: "int8_linear",
  reads: { a: "f32", b: "i32", bias: "f32", residual: "f32" },
  writes: { c: "f32" },
  scalars: { m: "u32", n: "u32", k: "u32" },
  webgpu: {
    code: wgsl("int8_linear"),
    workgroups: ({ m, n }, { ROWS, SLICES }) => Math.ceil(n * SLICES / 256) * Math.ceil(m / ROWS),
  },
  cpu,
};

/** The largest byte; −128 is not used, so that the range is symmetric. */
const LARGEST = 127;

/**
 * A weight matrix in 8 bits: outputs × inputs, each row in blocks of `group` bytes that share a
 * scale.
 */
export interface Int8Matrix {
  /** i32 [outputs, blocks, 1 + group/4]: the bits of the scale, then the bytes. */
  readonly blocks: Tensor;
  /** N, the number of rows. */
  readonly outputs: number;
  /** K, the number of weights in a row; the last block is filled up with zeros. */
  readonly inputs: number;
  /** Weights that share a scale. */
  readonly group: number;
}

/** Options of `toInt8`. */
export interface Int8Options {
  /**
   * Weights that share a scale: a multiple of 16 up to 256. Smaller groups are more exact, at 4
   * bytes per scale. Default 64.
   */
  group?: number;
  /** The weights are [outputs, inputs] rather than [inputs, outputs]. Default false. */
  transposed?: boolean;
  /** Device of the weights. Default: the device opened last. */
  device?: Device;
}

/**
 * Rounds a weight matrix to 8 bits: in each group w ≈ scale · q, with scale = max |w| / 127 and q
 * the nearest whole number, so that
 * |w − scale · q| ≤ scale / 2.
 *
 * @throws {RangeError} for an impossible group
 * @throws {TypeError} unless `shape` has two axes
 */
export function toInt8(
  weights: Float32Array,
  shape: readonly number[],
  options: Int8Options = {},
): Int8Matrix {
  checkOptions("toInt8", options, { group: true, transposed: true, device: true });
  const { group = 64, transposed = false, device } = options;
  if (!Number.isInteger(group) || group % 16 !== 0 || group < 16 || group > 256) {
    throw new RangeError(`toInt8: the group must be a multiple of 16 up to 256, got ${group}`);
  }
  if (shape.length !== 2 || shape[0] * shape[1] !== weights.length) {
    throw new TypeError(
      `toInt8: expected ${weights.length} weights in two axes, got ${formatShape(shape)}`,
    );
  }
  const [outputs, inputs] = transposed ? shape : [shape[1], shape[0]];
  const [rowStep, step] = transposed ? [inputs, 1] : [1, outputs];
  const count = Math.ceil(inputs / group);
  const words = new Int32Array(outputs * count * (1 + group / 4));
  const bytes = new Int8Array(words.buffer), scales = new Float32Array(words.buffer);
  for (let row = 0; row < outputs; row++) {
    for (let block = 0; block < count; block++) {
      const first = row * rowStep + block * group * step;
      const end = first + Math.min(group, inputs - block * group) * step;
      let largest = 0;
      for (let i = first; i < end; i += step) largest = Math.max(largest, Math.abs(weights[i]));
      const scale = Math.fround(largest / LARGEST);
      const word = (row * count + block) * (1 + group / 4);
      scales[word] = scale;
      if (scale === 0) continue;
      let at = 4 * word + 4;
      for (let i = first; i < end; i += step) bytes[at++] = Math.round(weights[i] / scale);
    }
  }
  const blocks = tensor(words, { shape: [outputs, count, 1 + group / 4], device });
  return { blocks, outputs, inputs, group };
}

/** Options of `int8Linear`. */
export interface Int8LinearOptions {
  /** Activation of the product and bias. Default: none. */
  activation?: Activation;
  /** Added after the activation; f32 of the result's shape. */
  residual?: Tensor;
}

/** Maximum of rows of x that are computed together. */
const rowsAtOnce = (m: number) => m % 4 === 0 ? 4 : m % 2 === 0 ? 2 : 1;

/**
 * activation(x·Wᵀ + bias) + residual with W in 8 bits: x [..., K] gives [..., N].
 *
 * On the CPU each group of x is rounded to 16 bits too, off by at most 2⁻¹⁶ of the group's largest
 * value; products are then summed exactly within a group, and in f32 over the groups. On WebGPU all
 * is f32.
 *
 * ```ts
 * import { int8Linear, openDevice, tensor, toInt8 } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const weight = toInt8(Float32Array.of(1, -0.5, 0.25, 1), [2, 2], { group: 16 });
 * console.log(await int8Linear(tensor([[1, 2]]), weight).data()); // near [1.5, 1.5]
 * device.close();
 * ```
 *
 * @throws {TypeError} if a shape does not fit, or x needs a gradient
 */
export function int8Linear(
  x: Tensor,
  weight: Int8Matrix,
  bias?: Tensor,
  options: Int8LinearOptions = {},
): Tensor {
  checkOptions("int8Linear", options, { activation: true, residual: true });
  const { activation, residual } = options;
  const { outputs: n, inputs: k, group } = weight;
  expectActivation("int8Linear", activation);
  expectType("int8Linear", x, "f32");
  if (x.shape.at(-1) !== k || x.size === 0) {
    throw new TypeError(
      `int8Linear: inner sizes differ: ${formatShape(x.shape)} · [${n},${k}]ᵀ`,
    );
  }
  if (isTracked(x)) {
    throw new TypeError("int8Linear: weights in 8 bits have no gradient; train before quantizing");
  }
  const shape = [...x.shape.slice(0, -1), n];
  expectShape("int8Linear", "bias", bias, [n]);
  expectShape("int8Linear", "residual", residual, shape);
  const m = x.size / k;
  const c = empty(shape, { device: x.device });
  const { buffers, constants, functions } = buildEpilogue({ bias, activation, residual });
  const { BIAS, RESIDUAL, ACTIVATE } = constants;
  launch(
    { ...KERNEL, functions },
    { a: x, b: weight.blocks, c, ...buffers },
    { m, n, k },
    {
      ROWS: rowsAtOnce(m),
      GROUP: group,
      SLICES: x.device.traits.manyCores ? 8 : 1,
      BIAS,
      RESIDUAL,
      ACTIVATE,
    },
  );
  return c;
}
