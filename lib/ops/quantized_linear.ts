/**
 * Linear layers with weights in 16, 8 or 4 bits, for generation and evaluation: a half to an eighth
 * of the memory, and of the bytes that a token must read.
 *
 * No gradient flows. See lib/nn/quantize.ts for a whole model.
 *
 * @module
 */
import { halfLinear as cpuHalf } from "../../kernels/cpu/half_linear.ts";
import { quantizedLinear as cpu } from "../../kernels/cpu/quantized_linear.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Device } from "../device/device.ts";
import type { GemmSizes } from "../device/gemm.ts";
import type { Kernel } from "../device/kernel.ts";
import { formatShape } from "../shape.ts";
import { checkOptions } from "../options.ts";
import { isTracked } from "../tensor/autograd.ts";
import { expectType, launch } from "../tensor/launch.ts";
import { scope } from "../tensor/scope.ts";
import { dequantizeMatrix, formatConstants } from "./dequantize.ts";
import { gemm } from "./gemm.ts";
import { expectShape } from "./matmul.ts";
import { type Activation, expectActivation } from "./activation.ts";
import { buildEpilogue } from "./epilogue.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import type { QuantizedMatrix, WeightBits } from "./quantized_matrix.ts";

const KERNEL: Kernel = {
  name: "quantized_linear",
  reads: { a: "f32", b: "i32", bias: "f32", residual: "f32" },
  writes: { c: "f32" },
  scalars: { m: "u32", n: "u32", k: "u32" },
  webgpu: {
    code: wgsl("quantized_linear"),
    workgroups: ({ m, n }, { ROWS, SLICES }) => Math.ceil(n * SLICES / 256) * Math.ceil(m / ROWS),
  },
  cpu,
};

/** The same for weights in 16 bits. */
const HALF_KERNEL: Kernel = { ...KERNEL, name: "half_linear", cpu: cpuHalf };

/** Options of `quantizedLinear`. */
export interface QuantizedLinearOptions {
  /** Activation of the product and bias. Default: none. */
  activation?: Activation;
  /** Added after the activation; f32 of the result's shape. */
  residual?: Tensor;
}

/** From so many rows of x on, the weights are widened to f32 first, by their bits. */
const MANY_ROWS: Readonly<Record<WeightBits, number>> = { 16: 24, 8: 64, 4: 24 };
/** The most weights that are widened: 256 MiB. */
const MOST_WEIGHTS = 2 ** 26;

/**
 * Whether the weights are widened to f32 first, so that a prompt takes as long as with weights in
 * f32: for many rows of x, unless integers of 8 bits are multiplied as fast, which they are beside
 * the plain kernel of products.
 */
function widensFirst(device: Device, { bits }: QuantizedMatrix, sizes: GemmSizes): boolean {
  const { m, n, k } = sizes;
  if (m < MANY_ROWS[bits] || n * k > MOST_WEIGHTS) return false;
  if (bits !== 8 || !device.traits.integerProducts) return true;
  const request = { batch: 1, transposeA: false, transposeB: true, mayRound: false };
  return device.chooseGemm({ ...sizes, ...request, hasEpilogue: true }).kernel !== "tiled";
}

/**
 * Rows of x that are computed together: at most 4, or 2 if they are multiplied by integers of 4
 * bits, because the bytes of more rows do not fit the registers.
 */
function rowsAtOnce(device: Device, { bits }: QuantizedMatrix, m: number): number {
  const most = bits === 4 && device.traits.integerProducts ? 2 : 4;
  return [4, 2, 1].find((rows) => rows <= most && m % rows === 0)!;
}

/**
 * activation(x·Wᵀ + bias) + residual with W in 16, 8 or 4 bits: x [..., K] gives [..., N].
 *
 * 16 bits are widened exactly and summed in f32. In 8 and 4, on the CPU, each group of x is rounded
 * to 16 bits too, off by at most 1.6·10⁻⁵ of the group's largest value; products are then summed
 * exactly within a group, and in f32 over the groups. On WebGPU, and with so many rows of x that
 * the weights are better widened to f32 first (24, in 8 bits 64), all is f32.
 *
 * ```ts
 * import { quantizedLinear, openDevice, tensor, quantizeMatrix } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const weight = quantizeMatrix(Float32Array.of(1, -0.5, 0.25, 1), [2, 2], { group: 16 });
 * console.log(await quantizedLinear(tensor([[1, 2]]), weight).data()); // near [1.5, 1.5]
 * device.close();
 * ```
 *
 * @throws {TypeError} if a shape does not fit, or x needs a gradient
 */
export function quantizedLinear(
  x: Tensor,
  weight: QuantizedMatrix,
  bias?: Tensor,
  options: QuantizedLinearOptions = {},
): Tensor {
  checkOptions("quantizedLinear", options, { activation: true, residual: true });
  const { activation, residual } = options;
  const { outputs: n, inputs: k, bits } = weight;
  expectActivation("quantizedLinear", activation);
  expectType("quantizedLinear", x, "f32");
  if (x.shape.at(-1) !== k || x.size === 0) {
    throw new TypeError(
      `quantizedLinear: inner sizes differ: ${formatShape(x.shape)} · [${n},${k}]ᵀ`,
    );
  }
  if (isTracked(x)) {
    throw new TypeError(
      "quantizedLinear: rounded weights have no gradient; train before quantizing",
    );
  }
  const shape = [...x.shape.slice(0, -1), n];
  expectShape("quantizedLinear", "bias", bias, [n]);
  expectShape("quantizedLinear", "residual", residual, shape);
  const m = x.size / k;
  const epilogue = { bias, activation, residual };
  if (widensFirst(x.device, weight, { m, n, k })) {
    const options = { transposeB: true, ...epilogue };
    return scope(() => gemm(x, dequantizeMatrix(weight), { m, n, k }, shape, options));
  }
  const c = empty(shape, { device: x.device });
  const { buffers, constants, functions } = buildEpilogue(epilogue);
  const { BIAS, RESIDUAL, ACTIVATE } = constants;
  launch(
    { ...bits === 16 ? HALF_KERNEL : KERNEL, functions },
    { a: x, b: weight.blocks, c, ...buffers },
    { m, n, k },
    {
      ROWS: rowsAtOnce(x.device, weight, m),
      ...formatConstants(weight),
      SLICES: x.device.traits.manyCores ? 8 : 1,
      BIAS,
      RESIDUAL,
      ACTIVATE,
    },
  );
  return c;
}
