/**
 * Measures the kernels that a GPU can use for matrix products, and chooses the fastest.
 *
 * Each result is checked before it is timed. lib/device/webgpu/tuning.ts stores the choice.
 *
 * @module
 */
import {
  type GemmKernels,
  GEMV_KERNELS,
  isLargeResult,
  TILE_KERNELS,
} from "../device/webgpu/gemm_choice.ts";
import type { Device } from "../device/device.ts";
import { useDevice } from "../device/current_device.ts";
import { expectWebGpu } from "../device/webgpu/tuning.ts";
import type { WebGpuDevice } from "../device/webgpu/webgpu_device.ts";
import { Random } from "../random.ts";
import { compile, type Compiled } from "../tensor/compile.ts";
import { gemm, type GemmSizes } from "./gemm.ts";
import { type Tensor, tensor, zeros } from "../tensor/tensor.ts";

/** A product to measure. */
export interface TunedProduct extends GemmSizes {
  /** a is [k,m]. */
  readonly transposeA?: boolean;
  /** b is [n,k]. */
  readonly transposeB?: boolean;
}

/** The fields of a choice that name a kernel. */
export type KernelField = Exclude<keyof GemmKernels, "groups">;

/** The time of one kernel for one product. */
export interface ProductTiming {
  /** The product. */
  readonly product: TunedProduct;
  /** The field of the choice that decides the kernel of such a product. */
  readonly field: KernelField;
  /** The kernel's name in the choice. */
  readonly kernel: string;
  /** Duration of the best run, launch included; Infinity if the result was wrong. */
  readonly milliseconds: number;
}

/** The three matmuls of a linear layer: forward, the input's gradient, the weight's gradient. */
export function layerProducts(rows: number, inputs: number, outputs: number): TunedProduct[] {
  return [
    { m: rows, n: outputs, k: inputs },
    { m: rows, n: inputs, k: outputs, transposeB: true },
    { m: inputs, n: outputs, k: rows, transposeA: true },
  ];
}

/** Rounds in which the kernels alternate. */
const ROUNDS = 3;
/** Milliseconds of all runs of one measurement, so that the wait for the GPU is negligible. */
const SPAN = 60;

/**
 * Times each kernel of each product, and yields the timings of one product at a time. The device
 * becomes the current one; its choice is restored afterwards.
 *
 * @param groups Workgroups that keep the device busy. Default: as the device has them.
 * @throws {TypeError} if the device is not WebGPU
 */
export async function* tuneProducts(
  device: Device,
  products: readonly TunedProduct[],
  groups?: number,
): AsyncGenerator<ProductTiming[]> {
  const gpu = expectWebGpu("tuneProducts", device);
  useDevice(gpu);
  const before = gpu.gemmKernels;
  if (groups !== undefined) gpu.gemmKernels = { ...before, groups };
  try {
    const wait = await waiting(gpu);
    for (const product of products) yield await timings(gpu, product, wait);
  } finally {
    gpu.gemmKernels = before;
  }
}

/** The time of a product whose result has a number of tiles of 64 × 64. */
export interface GroupTiming {
  /** Workgroups, one for each tile. */
  readonly groups: number;
  /** Duration of the best run. */
  readonly milliseconds: number;
}

/** Tiles of the products that `measureGroups` times: rows and columns of tiles. */
const TILES = [4, 6, 8, 12, 16, 24].flatMap((n) => [[n, n], [n, n * 4 / 3 | 0]]);

/**
 * Times products of 16 to 768 tiles of 64 × 64, as the kernel `tiled` computes them: until an
 * adapter is busy, more tiles take no more time.
 *
 * @param k Terms of each sum: so many that a launch costs little beside them. Default 2,048.
 * @param span Milliseconds of all runs of one measurement. Default 60.
 * @throws {TypeError} if the device is not WebGPU
 */
export async function measureGroups(
  device: Device,
  k = 2048,
  span = SPAN,
): Promise<GroupTiming[]> {
  const gpu = expectWebGpu("measureGroups", device);
  useDevice(gpu);
  const before = gpu.gemmKernels;
  gpu.gemmKernels = { ...before, small: "tiled", large: "tiled" };
  const measured: GroupTiming[] = [];
  try {
    const wait = await waiting(gpu);
    for (const [rows, columns] of TILES) {
      const milliseconds = await bestOf(gpu, { m: 64 * rows, n: 64 * columns, k }, wait, span);
      measured.push({ groups: rows * columns, milliseconds });
    }
  } finally {
    gpu.gemmKernels = before;
  }
  return measured;
}

/** Milliseconds of a product of zeros, in the best of some rounds. */
async function bestOf(
  device: WebGpuDevice,
  sizes: GemmSizes,
  wait: number,
  span: number,
): Promise<number> {
  const [a, b] = [zeros([sizes.m, sizes.k]), zeros([sizes.k, sizes.n])];
  const program = compile(() => gemm(a, b, sizes, [sizes.m, sizes.n]));
  program();
  const runs = Math.max(
    1,
    Math.min(200, Math.round(span / await timeOf(device, program, 1, wait))),
  );
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    best = Math.min(best, await timeOf(device, program, runs, wait));
  }
  program.dispose();
  [a, b].forEach((operand) => operand.dispose());
  return best;
}

/** The fewest workgroups that reach nine tenths of the highest rate. */
export function chooseGroups(timings: readonly GroupTiming[]): number {
  const rate = ({ groups, milliseconds }: GroupTiming) => groups / milliseconds;
  const highest = Math.max(...timings.map(rate));
  const enough = timings.filter((timing) => rate(timing) >= 0.9 * highest);
  return Math.min(...enough.map(({ groups }) => groups));
}

/**
 * The kernels that a device uses now.
 *
 * @throws {TypeError} if the device is not WebGPU
 */
export function gemmKernelsOf(device: Device): GemmKernels {
  return expectWebGpu("gemmKernelsOf", device).gemmKernels;
}

/**
 * The fastest kernel for each field, with equal weights of all products; that of `before` if
 * nothing was measured or no result was right.
 */
export function chooseKernels(
  timings: readonly ProductTiming[],
  before: GemmKernels,
): GemmKernels {
  const best = <Field extends KernelField>(
    field: Field,
    kernels: readonly GemmKernels[Field][],
  ) => {
    const own = timings.filter((timing) => timing.field === field);
    const cost = (kernel: string) =>
      own.filter((timing) => timing.kernel === kernel)
        .reduce(
          (sum, { product, milliseconds }) => sum + milliseconds / minimumOf(own, product),
          0,
        );
    const measured = kernels.filter((kernel) => own.some((timing) => timing.kernel === kernel));
    const [first] = measured.toSorted((a, b) => cost(a) - cost(b));
    return first !== undefined && Number.isFinite(cost(first)) ? first : before[field];
  };
  return {
    ...before,
    small: best("small", TILE_KERNELS),
    large: best("large", TILE_KERNELS),
    gemv: best("gemv", GEMV_KERNELS),
  };
}

function minimumOf(timings: readonly ProductTiming[], product: TunedProduct): number {
  const own = timings.filter((timing) => timing.product === product);
  return Math.min(...own.map(({ milliseconds }) => milliseconds));
}

async function timings(
  device: WebGpuDevice,
  product: TunedProduct,
  wait: number,
): Promise<ProductTiming[]> {
  const field = product.m <= 4
    ? "gemv"
    : isLargeResult(product, device.gemmKernels)
    ? "large"
    : "small";
  const kernels = field !== "gemv" ? TILE_KERNELS : device.hasSubgroups ? GEMV_KERNELS : [];
  const operands = makeOperands(product);
  const candidates: Candidate[] = [];
  for (const kernel of kernels) {
    device.gemmKernels = { ...device.gemmKernels, [field]: kernel };
    const program = compile(() => run(product, operands));
    const isRight = checkResult(product, operands, await program().data());
    const single = await timeOf(device, program, 1, wait);
    const runs = Math.max(1, Math.min(200, Math.round(SPAN / single)));
    candidates.push({ kernel, program, isRight, runs, best: Infinity });
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const each of candidates.filter(({ isRight }) => isRight)) {
      each.best = Math.min(each.best, await timeOf(device, each.program, each.runs, wait));
    }
  }
  for (const { program } of candidates) program.dispose();
  [operands.a, operands.b].forEach((operand) => operand.dispose());
  return candidates.map(({ kernel, best }) => ({ product, field, kernel, milliseconds: best }));
}

interface Candidate {
  readonly kernel: string;
  readonly program: Compiled<[], Tensor>;
  readonly isRight: boolean;
  /** Number of runs that fill a span. */
  readonly runs: number;
  /** Milliseconds of a run, in the best round. */
  best: number;
}

interface Operands {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly values: readonly [Float32Array, Float32Array];
}

function makeOperands({ m, n, k }: GemmSizes): Operands {
  const random = new Random(1);
  const draw = (count: number) =>
    Float32Array.from({ length: count }, () => random.uniform() - 0.5);
  const values = [draw(m * k), draw(k * n)] as const;
  return { a: tensor(values[0]), b: tensor(values[1]), values };
}

function run({ m, n, k, ...form }: TunedProduct, { a, b }: Operands): Tensor {
  return gemm(a, b, { m, n, k }, [m, n], form);
}

/** Elements of each result that are computed again in float64. */
const CHECKED = 64;

/** Whether random elements of the result, and the last one, equal those of a sum in float64. */
function checkResult(
  { m, n, k, transposeA, transposeB }: TunedProduct,
  { values: [a, b] }: Operands,
  c: ArrayLike<number>,
): boolean {
  const random = new Random(2);
  const places = Array.from({ length: CHECKED }, () => random.integer(m * n));
  return [...places, m * n - 1].every((place) => {
    const [i, j] = [Math.floor(place / n), place % n];
    let sum = 0;
    for (let l = 0; l < k; l++) {
      sum += a[transposeA ? l * m + i : i * k + l] * b[transposeB ? j * k + l : l * n + j];
    }
    return Math.abs(c[place] - sum) <= 2e-6 * (2 + Math.sqrt(k));
  });
}

/** Milliseconds per run, averaged over `runs` runs. */
async function timeOf(
  device: WebGpuDevice,
  program: () => unknown,
  runs: number,
  wait: number,
): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < runs; i++) program();
  await device.finish();
  return Math.max(1e-3, performance.now() - start - wait) / runs;
}

/** Milliseconds of waiting for an idle GPU. */
async function waiting(device: WebGpuDevice): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    await device.finish();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}
