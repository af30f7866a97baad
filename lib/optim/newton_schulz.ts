/**
 * Newton–Schulz: matrices made nearly orthogonal by products alone, several at a time.
 *
 * The quintic X ← a·X + b·(X·Xᵀ)·X + c·(X·Xᵀ)²·X only ever multiplies X by polynomials of its Gram
 * matrix G = X·Xᵀ, which commute and are symmetric. So the polynomials are computed, of G, whose
 * side is the shorter one of X, and X is multiplied once, at the end: for 5 iterations and a matrix
 * [m,4m] that is 15 m³ multiply-adds instead of 45 m³, half of each symmetric product being enough.
 *
 * @module
 */
import { scaledStep } from "../../kernels/cpu/scaled_step.ts";
import { symmetricProduct } from "../../kernels/cpu/symmetric_product.ts";
import { unitTrace } from "../../kernels/cpu/unit_trace.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { concatenate } from "../ops/concatenate.ts";
import { gemm } from "../ops/gemm.ts";
import { slice } from "../ops/slice.ts";
import { launch } from "../tensor/launch.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

const PRODUCT: Kernel = {
  name: "symmetric_product",
  reads: { a: "f32", b: "f32", d: "f32" },
  writes: { c: "f32" },
  scalars: {
    m: "u32",
    k: "u32",
    batch: "u32",
    strideA: "u32",
    strideB: "u32",
    alpha: "f32",
    beta: "f32",
    gamma: "f32",
  },
  webgpu: {
    code: wgsl("symmetric_product"),
    workgroups({ m, batch }) {
      const side = Math.ceil(m / 32);
      return batch * side * (side + 1) / 2;
    },
  },
  cpu: symmetricProduct,
};

const UNIT_TRACE: Kernel = {
  name: "unit_trace",
  reads: { x: "f32" },
  writes: { y: "f32", factors: "f32" },
  scalars: { m: "u32", batch: "u32", epsilon: "f32" },
  webgpu: { code: wgsl("unit_trace"), workgroups: ({ batch }) => batch },
  cpu: unitTrace,
};

const STEP: Kernel = {
  name: "scaled_step",
  reads: { update: "f32", factors: "f32", hyper: "f32" },
  updates: { parameter: "f32" },
  scalars: { batch: "u32", size: "u32", stride: "u32", first: "u32", scale: "f32" },
  webgpu: { code: wgsl("scaled_step"), threads: ({ batch, size }) => batch * size },
  cpu: scaledStep,
};

/** a, b and c of the quintic. Source: Keller Jordan, github.com/KellerJordan/Muon. */
const [A, B, C] = [3.4445, -4.7750, 2.0315];

/** The least norm that a matrix is divided by. */
const EPSILON = 1e-7;

/** Matrices of one shape in a flat buffer. */
export interface Matrices {
  /** Elements before the first. */
  readonly start: number;
  /** How many there are. */
  readonly count: number;
  /** Elements from one to the next. */
  readonly stride: number;
  readonly rows: number;
  readonly columns: number;
}

/** What an orthogonalized step reads and writes. */
export interface OrthogonalStep {
  /** All parameters, flat. */
  readonly parameter: Tensor;
  /** What to make orthogonal, in the places of the parameters. */
  readonly update: Tensor;
  /** [3]: the momentum, the rate, and the decay's factor. */
  readonly hyper: Tensor;
  /** Iterations of the quintic, from 1. */
  readonly iterations: number;
}

/**
 * parameter ← decay·parameter − rate·√max(1, columns/rows)·orthogonal(update) for matrices whose
 * shorter sides are equal.
 */
export function orthogonalStep(groups: readonly Matrices[], step: OrthogonalStep): void {
  const { parameter, update, hyper, iterations } = step;
  const partOf = (flat: Tensor, { start, count, stride }: Matrices) =>
    flat.part(start, [count * stride]);
  const grams = groups.map((group) => gramOf(partOf(update, group), group));
  const { polynomials, factors } = polynomialsOf(concatenate(grams), iterations);
  let first = 0;
  for (const group of groups) {
    const { count, rows, columns, stride } = group;
    const own = slice(polynomials, { axis: 0, start: first, end: first + count });
    const product = multiplied(partOf(update, group), own, group);
    const buffers = { update: product, factors, hyper, parameter: partOf(parameter, group) };
    const scale = Math.sqrt(Math.max(1, columns / rows));
    launch(STEP, buffers, { batch: count, size: rows * columns, stride, first, scale });
    first += count;
  }
}

/** X·Xᵀ of each matrix X, or Xᵀ·X if X has more rows than columns: [count,m,m]. */
function gramOf(x: Tensor, { count, stride, rows, columns }: Matrices): Tensor {
  const isTall = rows > columns;
  const [m, k] = isTall ? [columns, rows] : [rows, columns];
  return symmetric({ a: x, b: x }, {
    ...{ m, k, batch: count, strideA: stride, strideB: stride },
    ...{ transposeA: isTall, transposeB: !isTall },
  });
}

/**
 * The polynomials P of Gram matrices [batch,m,m] for which P·X is orthogonal, but for X's `factors`
 * [batch], 1/‖X‖.
 */
function polynomialsOf(
  grams: Tensor,
  iterations: number,
): { polynomials: Tensor; factors: Tensor } {
  const [batch, m] = grams.shape;
  const { device } = grams;
  let gram = empty(grams.shape, { device });
  const factors = empty([batch], { device });
  launch(UNIT_TRACE, { x: grams, y: gram, factors }, { m, batch, epsilon: EPSILON });
  const square = { m, k: m, batch, strideA: m * m, strideB: m * m };
  const times = (a: Tensor, b: Tensor) => symmetric({ a, b }, square);
  let polynomials: Tensor | undefined;
  for (let i = 1; i <= iterations; i++) {
    const quintic = symmetric({ a: gram, b: gram, d: gram }, {
      ...square,
      alpha: C,
      beta: B,
      gamma: A,
    });
    polynomials = polynomials ? times(quintic, polynomials) : quintic;
    if (i < iterations) gram = times(times(quintic, gram), quintic);
  }
  return { polynomials: polynomials!, factors };
}

/** P·X for each matrix X, or X·P if X has more rows than columns: [count,rows,columns]. */
function multiplied(x: Tensor, polynomials: Tensor, group: Matrices): Tensor {
  const { count, stride, rows, columns } = group;
  const square = Math.min(rows, columns) ** 2;
  const shape = [count, rows, columns];
  return rows > columns
    ? gemm(x, polynomials, { m: rows, n: columns, k: columns }, shape, {
      ...{ batch: count, strideA: stride, strideB: square },
    })
    : gemm(polynomials, x, { m: rows, n: columns, k: rows }, shape, {
      ...{ batch: count, strideA: square, strideB: stride },
    });
}

interface SymmetricOptions {
  readonly m: number;
  readonly k: number;
  readonly batch: number;
  readonly strideA: number;
  readonly strideB: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly alpha?: number;
  readonly beta?: number;
  readonly gamma?: number;
}

/** α·op(a)·op(b) + β·d + γ·I, known to be symmetric: [batch,m,m]. */
function symmetric(
  { a, b, d }: { a: Tensor; b: Tensor; d?: Tensor },
  { transposeA, transposeB, ...options }: SymmetricOptions,
): Tensor {
  const { m, batch, alpha = 1, beta = 0, gamma = 0 } = options;
  const c = empty([batch, m, m], { device: a.device });
  launch(PRODUCT, { a, b, d, c }, { ...options, alpha, beta, gamma }, {
    TRANSPOSE_A: transposeA ? 1 : 0,
    TRANSPOSE_B: transposeB ? 1 : 0,
    ADD: d ? 1 : 0,
  });
  return c;
}
