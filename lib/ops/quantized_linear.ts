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
import type { Kernel } from "../device/kernel.ts";
import { formatShape } from "../shape.ts";
import { checkOptions } from "../options.ts";
import { isTracked } from "../tensor/autograd.ts";
import { expectType, launch } from "../tensor/launch.ts";
import { expectShape } from "./matmul.ts";
import { type Activation, expectActivation } from "./activation.ts";
import { buildEpilogue } from "./epilogue.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import type { QuantizedMatrix } from "./quantized_matrix.ts";

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

/** Maximum of rows of x that are computed together. */
const rowsAtOnce = (m: number) => m % 4 === 0 ? 4 : m % 2 === 0 ? 2 : 1;

/**
 * activation(x·Wᵀ + bias) + residual with W in 16, 8 or 4 bits: x [..., K] gives [..., N].
 *
 * 16 bits are widened exactly and summed in f32. In 8 and 4, on the CPU, each group of x is rounded
 * to 16 bits too, off by at most 1.6·10⁻⁵ of the group's largest value; products are then summed
 * exactly within a group, and in f32 over the groups. On WebGPU all is f32.
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
  const { outputs: n, inputs: k, group, bits, type } = weight;
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
  const c = empty(shape, { device: x.device });
  const { buffers, constants, functions } = buildEpilogue({ bias, activation, residual });
  const { BIAS, RESIDUAL, ACTIVATE } = constants;
  launch(
    { ...bits === 16 ? HALF_KERNEL : KERNEL, functions },
    { a: x, b: weight.blocks, c, ...buffers },
    { m, n, k },
    {
      ROWS: rowsAtOnce(m),
      GROUP: group,
      BITS: bits,
      F16: type === "f16" ? 1 : 0,
      SLICES: x.device.traits.manyCores ? 8 : 1,
      BIAS,
      RESIDUAL,
      ACTIVATE,
    },
  );
  return c;
}
