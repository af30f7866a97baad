/**
 * Whether an adapter's half precision is fit for use: a product with rounded operands, computed by
 * it, beside the same in float64.
 *
 * @module
 */
import activationChoice from "../../kernels/webgpu/activation_choice.wgsl" with { type: "text" };
import activations from "../../kernels/webgpu/activations.wgsl" with { type: "text" };
import tiled from "../../kernels/webgpu/matmul.wgsl" with { type: "text" };
import epilogue from "../../kernels/webgpu/matmul_epilogue.wgsl" with { type: "text" };
import half from "../../kernels/webgpu/matmul_half.wgsl" with { type: "text" };
import slices from "../../kernels/webgpu/matmul_slices.wgsl" with { type: "text" };
import tile from "../../kernels/webgpu/matmul_tile.wgsl" with { type: "text" };
import one from "../../kernels/webgpu/operand_one.wgsl" with { type: "text" };
import { Random } from "../random.ts";
import type { Device } from "../device/device.ts";
import type { Kernel } from "../device/kernel.ts";

const SIZES = { m: 64, n: 64, k: 512 };

/** The product of one workgroup, without an epilogue. */
const KERNEL: Kernel = {
  name: "half_check",
  reads: ["a", "b", "bias", "residual", "pre"],
  writes: ["c", "saved"],
  scalars: {
    ...{ m: "u32", n: "u32", k: "u32", batch: "u32", strideA: "u32", strideB: "u32" },
    ...{ rows: "u32", columns: "u32", depth: "u32" },
  },
  webgpu: {
    code: [
      one,
      activations,
      activationChoice,
      epilogue,
      tile,
      half,
      slices,
      tiled,
    ].join(""),
    features: ["shader-f16"],
    workgroups: () => [1],
  },
};

const UNUSED = { batch: 1, strideA: 0, strideB: 0, rows: 0, columns: 0, depth: 0 };
const PLAIN = {
  ...{ TRANSPOSE_A: 0, TRANSPOSE_B: 0, BIAS: 0, RESIDUAL: 0, SAVE: 0 },
  ...{ ACTIVATION: 0, ACTIVATION_BACKWARD: 0, SCALE_A: 1, SCALE_B: 1024 },
};

/** Relative errors that half precision may have, of the mean and at worst. */
const ALLOWED = { mean: 0.005, most: 0.05 };

/** Undefined where half precision is fit for use, else why it is not, in a few words. */
export async function halfTrouble(
  device: Device & { gpu: GPUDevice },
): Promise<string | undefined> {
  if (!device.gpu.features.has("shader-f16")) return "the adapter has no shader-f16";
  const { m, n, k } = SIZES;
  const random = new Random(1);
  const draw = (count: number) => Float32Array.from({ length: count }, () => random.normal());
  const [a, b] = [draw(m * k), draw(k * n)];
  const c = await computed(device, a, b).catch((error: Error) => error);
  if (c instanceof Error) return `its half precision fails: ${c.message.split("\n")[0]}`;
  const { mean, most } = errors(c, a, b);
  if (mean < ALLOWED.mean && most < ALLOWED.most) return undefined;
  const percent = (error: number) => `${(100 * error).toPrecision(2)} %`;
  return `its half precision is off by ${percent(mean)} in the mean, ${percent(most)} at worst`;
}

async function computed(device: Device, a: Float32Array, b: Float32Array): Promise<Float32Array> {
  const { m, n } = SIZES;
  const ranges = [4 * a.length, 4 * b.length, 4 * m * n].map((bytes) => ({
    ...{ allocation: device.allocate(bytes), byteOffset: 0, bytes },
  }));
  const [left, right, result] = ranges;
  device.write(left, a);
  device.write(right, b);
  const buffers = [left, right, undefined, undefined, undefined, result, undefined];
  device.launch({ kernel: KERNEL, constants: PLAIN, scalars: { ...SIZES, ...UNUSED }, buffers });
  const values = await device.read(result);
  for (const { allocation } of ranges) device.release(allocation);
  return new Float32Array(values);
}

/**
 * Errors relative to an element, or to the root of the mean square, √k, where the element is
 * smaller.
 */
function errors(
  c: Float32Array,
  a: Float32Array,
  b: Float32Array,
): { mean: number; most: number } {
  const { m, n, k } = SIZES;
  let [sum, most] = [0, 0];
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let exact = 0;
      for (let l = 0; l < k; l++) exact += a[i * k + l] * b[l * n + j];
      const error = Math.abs(c[i * n + j] - exact) / Math.max(Math.abs(exact), Math.sqrt(k));
      sum += error;
      if (!(error <= most)) most = error; // NaN stays
    }
  }
  return { mean: sum / (m * n), most };
}
