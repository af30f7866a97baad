/**
 * GEMM: the launches behind every matrix product, without derivatives. The device chooses the
 * kernel.
 *
 * matmul.ts and feed_forward.ts check shapes and compose derivatives.
 *
 * @module
 */
import type { GemmSizes, GemvPlan, TilesPlan } from "../device/gemm.ts";
import type { Shape } from "../shape.ts";
import { launch } from "../tensor/launch.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import { buildEpilogue, type Epilogue, hasEpilogue } from "./epilogue.ts";
import { GEMV, GEMV_SUM, TILES } from "./matmul_kernels.ts";
import { sum } from "./reduce.ts";

export type { GemmSizes };

/** Options of a product. */
export interface GemmOptions extends Epilogue {
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
   * Lets a device that was opened with half precision round the operands to it. Default: full
   * precision.
   */
  rounding?: Rounding;
}

/**
 * Factors of the operands before they are rounded to half precision; the result is divided by both.
 * Powers of 2, default 1.
 */
export interface Rounding {
  /** Factor of a. */
  scaleA?: number;
  /** Factor of b. */
  scaleB?: number;
}

/**
 * Scale for the gradient of a mean over `rows` rows: brings each row's contribution near 1, because
 * below 6e-5 half precision has fewer than 11 bits.
 */
export function gradientScale(rows: number): number {
  return 2 ** Math.round(Math.log2(rows));
}

/**
 * The product op(a)·op(b) with its epilogue: a new tensor of `shape`, which holds batch·m·n
 * elements.
 */
export function gemm(
  a: Tensor,
  b: Tensor,
  sizes: GemmSizes,
  shape: Shape,
  options: GemmOptions = {},
): Tensor {
  const { batch = 1, transposeA = false, transposeB = false, rounding } = options;
  const plan = a.device.chooseGemm({
    ...sizes,
    batch,
    transposeA,
    transposeB,
    hasEpilogue: hasEpilogue(options),
    mayRound: rounding !== undefined,
  });
  if (plan.form === "tiles" && plan.splitK > 1) {
    return splitKGemm(a, b, sizes, { shape, parts: plan.splitK, rounding });
  }
  const operands = { a, b, c: empty(shape, { device: a.device }) };
  if (plan.form === "gemv") gemv(operands, sizes, plan, options);
  else tiledGemm(operands, sizes, plan, options);
  return operands.c;
}

interface Operands {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly c: Tensor;
}

function tiledGemm(
  operands: Operands,
  sizes: GemmSizes,
  { kernel, rounds }: TilesPlan,
  options: GemmOptions,
): void {
  const { batch = 1, strideA = 0, strideB = 0, transposeA, transposeB } = options;
  const { scaleA = 1, scaleB = 1 } = options.rounding ?? {};
  const { buffers, constants, functions } = buildEpilogue(options);
  const build = {
    ...constants,
    TRANSPOSE_A: transposeA ? 1 : 0,
    TRANSPOSE_B: transposeB ? 1 : 0,
    ...(rounds ? { SCALE_A: scaleA, SCALE_B: scaleB } : {}),
  };
  const scalars = { ...sizes, batch, strideA, strideB };
  launch({ ...TILES[kernel], functions }, { ...operands, ...buffers }, scalars, build);
}

/**
 * The product of a few rows (GEMV). With split-K its parts are summed, with the epilogue, in a
 * second launch.
 */
function gemv(
  { a, b, c }: Operands,
  { m, n, k }: GemmSizes,
  { kernel, slices, splitK: parts }: GemvPlan,
  options: GemmOptions,
): void {
  const { buffers, constants, functions } = buildEpilogue(options);
  const isScalar = kernel === "scalar";
  const fixed = {
    TRANSPOSE_B: options.transposeB ? 1 : 0,
    ROWS: m,
    ...(isScalar ? { SLICES: slices } : { TRANSPOSE_A: 0 }),
  };
  const scalars = { m, n, k, parts };
  if (parts === 1) {
    const build = { ...fixed, ...constants };
    launch({ ...GEMV[kernel], functions }, { a, b, c, ...buffers }, scalars, build);
    return;
  }
  const plain = buildEpilogue({});
  const partial = empty([parts, m, n], { device: a.device });
  const build = { ...fixed, ...plain.constants, PARTIAL: 1 };
  launch({ ...GEMV[kernel], functions: plain.functions }, { a, b, c: partial }, scalars, build);
  launch({ ...GEMV_SUM, functions }, { partial, c, ...buffers }, { n, parts }, {
    ...constants,
    ROWS: m,
  });
}

/** Aᵀ·B with split-K: the sum of the products of parts of k, which are a batch. */
function splitKGemm(
  a: Tensor,
  b: Tensor,
  { m, n, k }: GemmSizes,
  { shape, parts, rounding }: { shape: Shape; parts: number; rounding?: Rounding },
): Tensor {
  const part = k / parts;
  const products = gemm(a, b, { m, n, k: part }, [parts, m, n], {
    transposeA: true,
    batch: parts,
    strideA: part * m,
    strideB: part * n,
    rounding,
  });
  return sum(products, { axis: 0 }).view(shape);
}
