/**
 * The launch behind every matrix product: its kernels, and their epilogue's options.
 *
 * Shapes are checked, and derivatives put together, in matmul.ts and feed_forward.ts.
 *
 * @module
 */
import { matmul as cpu } from "../../kernels/cpu/matmul.ts";
import { cutBlas, matmulBlas as blasCpu } from "../../kernels/cpu/matmul_blas.ts";
import { cutMatmul } from "../../kernels/cpu/matmul_cut.ts";
import { matmulRows as cpuRows, shareOfRows } from "../../kernels/cpu/matmul_rows.ts";
import { matmulRowsSum } from "../../kernels/cpu/matmul_rows_sum.ts";
import activations from "../../kernels/webgpu/activations.wgsl" with { type: "text" };
import code from "../../kernels/webgpu/matmul.wgsl" with { type: "text" };
import directCode from "../../kernels/webgpu/matmul_direct.wgsl" with { type: "text" };
import epilogueCode from "../../kernels/webgpu/matmul_epilogue.wgsl" with { type: "text" };
import rowsCode from "../../kernels/webgpu/matmul_rows.wgsl" with { type: "text" };
import type { Device } from "../device/device.ts";
import type { Constants, Kernel } from "../device/kernel.ts";
import type { Shape } from "../shape.ts";
import { type Buffers, launch } from "./launch.ts";
import { sum } from "./reduce.ts";
import { empty, type Tensor } from "./tensor.ts";

const BUFFERS = { reads: ["a", "b", "bias", "residual", "pre"], writes: ["c", "saved"] };

const words = (...names: string[]) =>
  Object.fromEntries(names.map((name) => [name, "u32" as const]));

const TILED: Kernel = {
  name: "matmul",
  ...BUFFERS,
  scalars: words("m", "n", "k", "batch", "strideA", "strideB", "rows", "columns", "depth"),
  webgpu: {
    code: activations + epilogueCode + code,
    workgroups: ({ m, n, batch }) => [Math.ceil(n / 64), Math.ceil(m / 64), batch],
  },
  cpu,
};

/** For a CPU with a system BLAS. */
const BLAS: Kernel = { ...TILED, name: "matmul_blas", webgpu: undefined, cpu: blasCpu };

/** For adapters made of software. */
const DIRECT: Kernel = {
  ...TILED,
  name: "matmul_direct",
  webgpu: {
    code: activations + epilogueCode + directCode,
    workgroups: ({ m, n, batch }) => [Math.ceil(n / 64), Math.ceil(m / 64), batch],
  },
};

const ROWS: Kernel = {
  name: "matmul_rows",
  ...BUFFERS,
  scalars: words("n", "k", "share"),
  webgpu: {
    code: activations + epilogueCode + rowsCode,
    workgroups: ({ n }, { SLICES }) => [Math.ceil(n * SLICES / 256)],
  },
  cpu: cpuRows,
};

/** Ends a product of few rows that was cut along k. */
const ROWS_SUM: Kernel = {
  name: "matmul_rows_sum",
  reads: ["partial", "bias", "residual", "pre"],
  writes: ["c", "saved"],
  scalars: words("n", "parts"),
  cpu: matmulRowsSum,
};

/** Up to this many rows of A the kernel `ROWS` is the fastest, which reads B once. */
function fewRows(device: Device, transposeB: boolean): number {
  return device.kind === "webgpu" || transposeB ? 4 : 2;
}

/** Threads that share a column in the kernel `ROWS`. */
function slices(device: Device, transposeB: boolean): number {
  if (device.kind === "cpu" || device.isSoftware) return 1;
  return transposeB ? 32 : 8;
}

/** Workgroups that keep a GPU busy, and the least k that is worth one. */
const BUSY = { groups: 128, k: 128 };

/**
 * Into how many parts k is cut, so that a product with a small result and a long k, such as a weight's gradient, gives a GPU enough to do.
 * 1 but for products without an epilogue of two operands that lie k by k.
 */
function partsOfK(device: Device, { m, n, k }: Sizes, options: ProductOptions): number {
  const { transposeA, transposeB, batch = 1, ...rest } = options;
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

/** The activations that a product can apply on its way out. `gelu` is the tanh form, `gelu_erf` the exact one. */
export type Activation = "none" | "gelu" | "gelu_erf" | "relu" | "silu";

/** In the order of the kernels' numbers, with the elementwise kernel of each derivative. */
export const ACTIVATIONS: Readonly<Record<Activation, string>> = {
  none: "",
  gelu: "geluBackward",
  gelu_erf: "geluErfBackward",
  relu: "reluBackward",
  silu: "siluBackward",
};

/** The number of an activation in the kernels. */
const numberOf = (activation: Activation = "none") => Object.keys(ACTIVATIONS).indexOf(activation);

/** Throws a RangeError for an unknown activation. */
export function expectActivation(operation: string, activation: Activation): void {
  if (activation in ACTIVATIONS) return;
  const known = Object.keys(ACTIVATIONS).join(", ");
  throw new RangeError(
    `${operation}: unknown activation '${activation}'; expected one of ${known}`,
  );
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
export interface ProductOptions {
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
  /** [n], added to each row. */
  bias?: Tensor;
  /** Applied after the bias. Default `none`. */
  activation?: Activation;
  /** Receives product + bias, before the activation: [m,n]. */
  saved?: Tensor;
  /** Multiplies by the derivative of `of` at `at`: [m,n]. */
  derivative?: { of: Activation; at: Tensor };
  /** [m,n], added last. */
  residual?: Tensor;
}

/** One launch of the product's kernel, without a derivative: a new tensor of `shape`, which holds batch·m·n elements. */
export function product(
  a: Tensor,
  b: Tensor,
  sizes: Sizes,
  shape: Shape,
  options: ProductOptions = {},
): Tensor {
  const parts = partsOfK(a.device, sizes, options);
  if (parts > 1) return partedProduct(a, b, sizes, shape, parts);
  const { batch = 1, strideA = 0, strideB = 0, bias, residual, saved, derivative } = options;
  const c = empty(shape, "f32", a.device);
  const buffers = { a, b, bias, residual, pre: derivative?.at, c, saved };
  const constants = {
    TRANSPOSE_B: options.transposeB ? 1 : 0,
    BIAS: bias ? 1 : 0,
    RESIDUAL: residual ? 1 : 0,
    ACTIVATION: numberOf(options.activation),
    SAVE: saved ? 1 : 0,
    ACTIVATION_BACKWARD: numberOf(derivative?.of),
  };
  const { m } = sizes;
  const { transposeA = false, transposeB = false } = options;
  const { device } = a;
  if (m <= fewRows(device, transposeB) && batch === 1 && !transposeA) {
    productOfRows(buffers, sizes, transposeB, constants);
  } else {
    const cut = device.blas ? cutBlas(sizes) : cutMatmul({ ...sizes, batch }, transposeA);
    const kernel = device.blas ? BLAS : device.isSoftware ? DIRECT : TILED;
    const scalars = { ...sizes, batch, strideA, strideB, ...cut };
    launch(kernel, buffers, scalars, { ...constants, TRANSPOSE_A: transposeA ? 1 : 0 });
  }
  return c;
}

/** The product of a few rows; on the CPU a large one with B as [k,n] is cut along k, so that B is read as it lies. */
function productOfRows(
  buffers: Buffers & { a: Tensor; c: Tensor },
  { m, n, k }: Sizes,
  transposeB: boolean,
  constants: Constants,
): void {
  const { a, b, c, ...ends } = buffers;
  const { device } = a;
  const share = transposeB ? shareOfRows(n, k) : shareOfRows(k, n);
  const fixed = { ...constants, ROWS: m };
  const slicing = { ...fixed, SLICES: slices(device, transposeB) };
  const parts = Math.ceil(k / share);
  if (transposeB || parts === 1 || device.kind === "webgpu") {
    launch(ROWS, buffers, { n, k, share }, slicing);
    return;
  }
  const partial = empty([parts, m, n], "f32", device);
  const plain = Object.fromEntries(Object.keys(constants).map((name) => [name, 0]));
  launch(ROWS, { a, b, c: partial }, { n, k, share }, { ...slicing, ...plain, PARTIAL: 1 });
  launch(ROWS_SUM, { ...ends, partial, c }, { n, parts }, fixed);
}

/** Aᵀ·B as the sum of products over parts of k, which are a batch of their own. */
function partedProduct(
  a: Tensor,
  b: Tensor,
  { m, n, k }: Sizes,
  shape: Shape,
  parts: number,
): Tensor {
  const part = k / parts;
  const products = product(a, b, { m, n, k: part }, [parts, m, n], {
    ...{ transposeA: true, batch: parts, strideA: part * m, strideB: part * n },
  });
  return sum(products, { axes: [0] }).view(shape);
}
