/**
 * Checks that an adapter's half precision is accurate enough: a product of rounded operands,
 * computed by the adapter, is compared with the same in float64.
 *
 * @module
 */
import { Random } from "../random.ts";
import type { Device } from "../device/device.ts";
import { buildEpilogue } from "./epilogue.ts";
import { TILES } from "./matmul_kernels.ts";

/** Sizes of the product, which one workgroup computes. */
const SIZES = { m: 64, n: 64, k: 512 };

const UNUSED = { batch: 1, strideA: 0, strideB: 0 };
/** The functions of an epilogue that does nothing. */
const PLAIN = buildEpilogue({});
const CONSTANTS = { ...PLAIN.constants, TRANSPOSE_A: 0, TRANSPOSE_B: 0, SCALE_A: 1, SCALE_B: 1024 };

/** Relative errors that half precision may have: on average and at most. */
const ALLOWED = { mean: 0.005, max: 0.05 };

/** Undefined if half precision is accurate enough, otherwise why it is not, in a few words. */
export async function checkHalfPrecision(
  device: Device & { gpu: GPUDevice },
): Promise<string | undefined> {
  if (!device.gpu.features.has("shader-f16")) return "the adapter has no shader-f16";
  const { m, n, k } = SIZES;
  const random = new Random(1);
  const draw = (count: number) => Float32Array.from({ length: count }, () => random.normal());
  const [a, b] = [draw(m * k), draw(k * n)];
  const c = await compute(device, a, b).catch((error: Error) => error);
  if (c instanceof Error) return `its half precision fails: ${c.message.split("\n")[0]}`;
  const { mean, max } = errors(c, a, b);
  if (mean < ALLOWED.mean && max < ALLOWED.max) return undefined;
  const percent = (error: number) => `${(100 * error).toPrecision(2)} %`;
  return `its half precision is off by ${percent(mean)} in the mean, ${percent(max)} at worst`;
}

async function compute(device: Device, a: Float32Array, b: Float32Array): Promise<Float32Array> {
  const { m, n } = SIZES;
  const ranges = [4 * a.length, 4 * b.length, 4 * m * n]
    .map((bytes) => ({ allocation: device.allocate(bytes), byteOffset: 0, bytes }));
  const [left, right, result] = ranges;
  device.write(left, a);
  device.write(right, b);
  const buffers = [left, right, undefined, undefined, undefined, result, undefined];
  const kernel = { ...TILES.tiled_half, functions: PLAIN.functions };
  device.launch({ kernel, constants: CONSTANTS, scalars: { ...SIZES, ...UNUSED }, buffers });
  const values = await device.read(result);
  for (const { allocation } of ranges) device.release(allocation);
  return new Float32Array(values);
}

/**
 * Errors relative to an element, or to the root of the mean square, √k, if the element is smaller.
 */
function errors(
  c: Float32Array,
  a: Float32Array,
  b: Float32Array,
): { mean: number; max: number } {
  const { m, n, k } = SIZES;
  let [sum, max] = [0, 0];
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let exact = 0;
      for (let l = 0; l < k; l++) exact += a[i * k + l] * b[l * n + j];
      const error = Math.abs(c[i * n + j] - exact) / Math.max(Math.abs(exact), Math.sqrt(k));
      sum += error;
      if (!(error <= max)) max = error; // NaN stays
    }
  }
  return { mean: sum / (m * n), max };
}
