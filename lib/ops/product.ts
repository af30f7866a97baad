/**
 * The launch behind every matrix product: which kernel it takes, and its epilogue's options.
 *
 * Shapes are checked, and derivatives put together, in matmul.ts and feed_forward.ts.
 *
 * @module
 */
import { cutBlas } from "../../kernels/cpu/matmul_blas.ts";
import { cutMatmul } from "../../kernels/cpu/matmul_cut.ts";
import { shareOfRows } from "../../kernels/cpu/matmul_rows.ts";
import type { Device } from "../device/device.ts";
import type { Constants, Kernel } from "../device/kernel.ts";
import { isLargeResult } from "../device/matmul_choice.ts";
import type { Shape } from "../shape.ts";
import { type Buffers, launch } from "../tensor/launch.ts";
import { BLAS, HALF_TILES, ROWS, ROWS_SUM, TILES } from "./matmul_kernels.ts";
import { buildEpilogue, type Epilogue, type EpilogueBuild } from "./epilogue.ts";
import { sum } from "./reduce.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

/** Up to this many rows of A the kernels `ROWS` are the fastest, which read B once. */
function fewRows(device: Device, transposeB: boolean): number {
  return device.kind === "webgpu" || transposeB ? 4 : 2;
}

/** The kernel for few rows, and how many threads share a column in it. */
function rowsKernel(device: Device, transposeB: boolean): { kernel: Kernel; SLICES: number } {
  const { workgroup, subgroup } = ROWS;
  if (device.kind === "cpu" || device.isSoftware) return { kernel: workgroup, SLICES: 1 };
  if (!transposeB) return { kernel: workgroup, SLICES: 8 };
  return device.matmul?.rows === "subgroup" && device.subgroupSize
    ? { kernel: subgroup, SLICES: Math.min(32, device.subgroupSize) }
    : { kernel: workgroup, SLICES: 32 };
}

/** The kernel for more rows. */
function tilesKernel(device: Device, sizes: Sizes, options: ProductOptions): Kernel {
  const { matmul } = device;
  if (!matmul) return device.blas ? BLAS : TILES.tiled;
  const chosen = isLargeResult(sizes, options.batch) ? matmul.large : matmul.small;
  if (takesHalf(device, options)) return HALF_TILES[chosen === "large" ? "large" : "tiled"];
  const readsFours = chosen === "registers" || chosen === "direct";
  return readsFours && !liesByFours(sizes, options) ? TILES.tiled : TILES[chosen];
}

/** Whether the operands are rounded to half precision. */
function takesHalf(device: Device, { half }: ProductOptions): boolean {
  return device.precision === "f16" && half !== undefined;
}

/** Whether four neighbors can be read at a time: k, and both inner axes, are multiples of 4. */
function liesByFours({ m, n, k }: Sizes, { transposeA, transposeB }: ProductOptions): boolean {
  return k % 4 === 0 && (!transposeA || m % 4 === 0) && (transposeB || n % 4 === 0);
}

/** Workgroups that keep a GPU busy, and the least k that is worth one. */
const BUSY = { groups: 128, k: 128 };

/**
 * Into how many parts k is cut, so that a product with a small result and a long k, such as a
 * weight's gradient, gives a GPU enough to do. 1 but for products without an epilogue of two
 * operands that lie k by k.
 */
function partsOfK(device: Device, { m, n, k }: Sizes, options: ProductOptions): number {
  const { transposeA, transposeB, batch = 1, half: _, ...rest } = options;
  const plain = Object.values(rest).every((value) => !value);
  if (device.kind === "cpu" || device.isSoftware || !plain) return 1;
  if (!transposeA || transposeB || batch > 1) return 1;
  const groups = Math.ceil(m / 64) * Math.ceil(n / 64);
  let parts = 1;
  while (groups * parts < BUSY.groups && k % (2 * parts) === 0 && k / (2 * parts) >= BUSY.k) {
    parts *= 2;
  }
  return parts;
}

/** Sizes of a product: [m,k]·[k,n]. */
export interface Sizes {
  /** Rows of the result. */
  m: number;
  /** Columns of the result. */
  n: number;
  /** Terms in each sum. */
  k: number;
}

/** What a product does besides multiplying; tensors called [m,n] have the result's size. */
export interface ProductOptions extends Epilogue {
  /** a is [k,m]. */
  transposeA?: boolean;
  /** b is [n,k]. */
  transposeB?: boolean;
  /** Products in the batch. Default 1. */
  batch?: number;
  /** Elements from one a of the batch to the next; 0 shares it. Default 0. */
  strideA?: number;
  /** Elements from one b of the batch to the next; 0 shares it. Default 0. */
  strideB?: number;
  /**
   * The product may be one of operands in half precision, where the device was opened so. Default:
   * full precision.
   */
  half?: HalfOperands;
}

/**
 * What is multiplied into operands before they are rounded to half precision, and divided out of
 * the result: powers of 2. Default 1.
 */
export interface HalfOperands {
  /** For a. */
  scaleA?: number;
  /** For b. */
  scaleB?: number;
}

/**
 * The scale of a gradient of the mean over so many rows: it makes each row's share of the order of
 * 1, because below 6e-5 half precision has fewer than 11 bits.
 */
export function gradientScale(rows: number): number {
  return 2 ** Math.round(Math.log2(rows));
}

/**
 * One launch of the product's kernel, without a derivative: a new tensor of `shape`, which holds
 * batch·m·n elements.
 */
export function product(
  a: Tensor,
  b: Tensor,
  sizes: Sizes,
  shape: Shape,
  options: ProductOptions = {},
): Tensor {
  const parts = partsOfK(a.device, sizes, options);
  if (parts > 1) return partedProduct(a, b, sizes, shape, parts, options.half);
  const { batch = 1, strideA = 0, strideB = 0 } = options;
  const epilogue = buildEpilogue(options);
  const { functions } = epilogue;
  const c = empty(shape, { device: a.device });
  const buffers = { a, b, c, ...epilogue.buffers };
  const constants = { TRANSPOSE_B: options.transposeB ? 1 : 0, ...epilogue.constants };
  const { m } = sizes;
  const { transposeA = false, transposeB = false } = options;
  const { device } = a;
  if (m <= fewRows(device, transposeB) && batch === 1 && !transposeA) {
    productOfRows(buffers, sizes, transposeB, { ...epilogue, constants });
  } else {
    const cut = device.blas ? cutBlas(sizes) : cutMatmul({ ...sizes, batch }, transposeA);
    const scalars = { ...sizes, batch, strideA, strideB, ...cut };
    const kernel = { ...tilesKernel(device, sizes, options), functions };
    const { scaleA = 1, scaleB = 1 } = options.half ?? {};
    const fixed: Constants = { ...constants, TRANSPOSE_A: transposeA ? 1 : 0 };
    const half = takesHalf(device, options);
    launch(kernel, buffers, scalars, half ? { ...fixed, SCALE_A: scaleA, SCALE_B: scaleB } : fixed);
  }
  return c;
}

/**
 * The product of a few rows; on the CPU a large one with B as [k,n] is cut along k, so that B is
 * read as it lies.
 */
function productOfRows(
  buffers: Buffers & { a: Tensor; c: Tensor },
  { m, n, k }: Sizes,
  transposeB: boolean,
  { constants, functions }: EpilogueBuild,
): void {
  const { a, b, c, ...ends } = buffers;
  const { device } = a;
  const share = transposeB ? shareOfRows(n, k) : shareOfRows(k, n);
  const fixed = { ...constants, ROWS: m };
  const { kernel, SLICES } = rowsKernel(device, transposeB);
  const slicing = { ...fixed, SLICES };
  const parts = Math.ceil(k / share);
  if (transposeB || parts === 1 || device.kind === "webgpu") {
    launch({ ...kernel, functions }, buffers, { n, k, share }, slicing);
    return;
  }
  const partial = empty([parts, m, n], { device });
  const plain = Object.fromEntries(Object.keys(constants).map((name) => [name, 0]));
  launch(kernel, { a, b, c: partial }, { n, k, share }, { ...slicing, ...plain, PARTIAL: 1 });
  launch({ ...ROWS_SUM, functions }, { ...ends, partial, c }, { n, parts }, fixed);
}

/** Aᵀ·B as the sum of products over parts of k, which are a batch of their own. */
function partedProduct(
  a: Tensor,
  b: Tensor,
  { m, n, k }: Sizes,
  shape: Shape,
  parts: number,
  half: HalfOperands | undefined,
): Tensor {
  const part = k / parts;
  const products = product(a, b, { m, n, k: part }, [parts, m, n], {
    ...{ transposeA: true, batch: parts, strideA: part * m, strideB: part * n, half },
  });
  return sum(products, { axis: 0 }).view(shape);
}
