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
import { symmetricProduct } from "../../kernels/cpu/symmetric_product.ts";
import { symmetricProductBlas } from "../../kernels/cpu/symmetric_product_blas.ts";
import { symmetricProductWide } from "../../kernels/cpu/symmetric_product_wide.ts";
import { unitTrace } from "../../kernels/cpu/unit_trace.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { concatenate } from "../ops/concatenate.ts";
import { gemm } from "../ops/gemm.ts";
import { slice } from "../ops/slice.ts";
import { launch } from "../tensor/launch.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import { scaledStep } from "./scaled_step.ts";

/** A whole product on the CPU, of which half is computed. */
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
  cpu: symmetricProduct,
};

/** The same by a system BLAS. */
const PRODUCT_BLAS: Kernel = {
  ...PRODUCT,
  name: "symmetric_product_blas",
  cpu: symmetricProductBlas,
};

/** The same in tiles of 256-bit vectors. */
const PRODUCT_WIDE: Kernel = {
  ...PRODUCT,
  name: "symmetric_product_wide",
  cpu: symmetricProductWide,
};

/** α·C + β·D + γ·I of a product C on WebGPU. */
const FINISH: Kernel = {
  name: "symmetric_finish",
  reads: { d: "f32" },
  updates: { c: "f32" },
  scalars: { m: "u32", batch: "u32", alpha: "f32", beta: "f32", gamma: "f32" },
  webgpu: { code: wgsl("symmetric_finish"), threads: ({ m, batch }) => batch * m * m },
};

const UNIT_TRACE: Kernel = {
  name: "unit_trace",
  reads: { x: "f32" },
  writes: { y: "f32", factors: "f32" },
  scalars: { m: "u32", batch: "u32", epsilon: "f32" },
  webgpu: { code: wgsl("unit_trace"), workgroups: ({ batch }) => batch },
  cpu: unitTrace,
};

/** a, b and c of one iteration. */
export type Quintic = readonly [a: number, b: number, c: number];

/** The names of `quintics`. */
export const COEFFICIENTS = ["jordan", "polar_express"] as const;

/** The same quintic each time. Source: Keller Jordan, github.com/KellerJordan/Muon. */
const JORDAN: Quintic = [3.4445, -4.7750, 2.0315];

/** A quintic for each iteration. Source: Amsel et al., arXiv 2505.16932, algorithm 1. */
const POLAR_EXPRESS: readonly Quintic[] = [
  [8.28721201814563, -23.595886519098837, 17.300387312530933],
  [4.107059111542203, -2.9478499167379106, 0.5448431082926601],
  [3.9486908534822946, -2.908902115962949, 0.5518191394370137],
  [3.3184196573706015, -2.488488024314874, 0.51004894012372],
  [2.300652019954817, -1.6689039845747493, 0.4188073119525673],
  [1.891301407787398, -1.2679958271945868, 0.37680408948524835],
  [1.8750014808534479, -1.2500016453999487, 0.3750001645474248],
];
/** What singular values are divided by, so that rounding keeps them in the quintics' interval. */
const SAFETY = 1.01;
/** To what the quintics converge. */
const LIMIT: Quintic = [1.875, -1.25, 0.375];

/**
 * The quintics of `iterations` iterations: `jordan`'s, or those of `polar_express`, each the best
 * one after those before it, for singular values from 1/1000 of the norm.
 */
export function quintics(
  coefficients: (typeof COEFFICIENTS)[number],
  iterations: number,
): readonly Quintic[] {
  if (coefficients === "jordan") return Array.from({ length: iterations }, () => JORDAN);
  const safe = POLAR_EXPRESS.map(([a, b, c]): Quintic => [
    a / SAFETY,
    b / SAFETY ** 3,
    c / SAFETY ** 5,
  ]);
  return Array.from({ length: iterations }, (_, i) => safe[i] ?? LIMIT);
}

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
  /** The iterations, at least one. */
  readonly quintics: readonly Quintic[];
}

/**
 * parameter ← decay·parameter − rate·√max(1, columns/rows)·orthogonal(update) for matrices whose
 * shorter sides are equal.
 */
export function orthogonalStep(groups: readonly Matrices[], step: OrthogonalStep): void {
  const { parameter, update, hyper, quintics } = step;
  const partOf = (flat: Tensor, { start, count, stride }: Matrices) =>
    flat.part(start, [count * stride]);
  const grams = groups.map((group) => gramOf(partOf(update, group), group));
  const { polynomials, factors } = polynomialsOf(concatenate(grams), quintics);
  let first = 0;
  for (const group of groups) {
    const { count, rows, columns, stride } = group;
    const own = slice(polynomials, { axis: 0, start: first, end: first + count });
    const product = multiplied(partOf(update, group), own, group);
    const buffers = { update: product, factors, hyper, parameter: partOf(parameter, group) };
    const scale = Math.sqrt(Math.max(1, columns / rows));
    scaledStep(buffers, { batch: count, size: rows * columns, stride, first, scale });
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
  quintics: readonly Quintic[],
): { polynomials: Tensor; factors: Tensor } {
  const [batch, m] = grams.shape;
  const { device } = grams;
  let gram = empty(grams.shape, { device });
  const factors = empty([batch], { device });
  launch(UNIT_TRACE, { x: grams, y: gram, factors }, { m, batch, epsilon: EPSILON });
  const square = { m, k: m, batch, strideA: m * m, strideB: m * m };
  const times = (a: Tensor, b: Tensor) => symmetric({ a, b }, square);
  let polynomials: Tensor | undefined;
  for (const [i, [gamma, beta, alpha]] of quintics.entries()) {
    const factors = { alpha, beta, gamma };
    const quintic = symmetric({ a: gram, b: gram, d: gram }, { ...square, ...factors });
    polynomials = polynomials ? times(quintic, polynomials) : quintic;
    if (i + 1 < quintics.length) gram = times(times(quintic, gram), quintic);
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

/** α·op(a)·op(b) + β·d + γ·I, known to be symmetric: [batch,m,m]; α, β and γ only with d. */
function symmetric(
  { a, b, d }: { a: Tensor; b: Tensor; d?: Tensor },
  options: SymmetricOptions,
): Tensor {
  const { transposeA = false, transposeB = false, ...sizes } = options;
  const { m, k, batch, alpha = 1, beta = 0, gamma = 0 } = sizes;
  const { device } = a;
  const shape = [batch, m, m];
  if (!device.traits.symmetricProducts) {
    const c = gemm(a, b, { m, n: m, k }, shape, options);
    if (d) launch(FINISH, { d, c }, { m, batch, alpha, beta, gamma });
    return c;
  }
  const request = { m, n: m, k, batch, transposeA, transposeB };
  const { kernel } = device.chooseGemm({ ...request, hasEpilogue: false, mayRound: false });
  const c = empty(shape, { device });
  const product = kernel === "blas" ? PRODUCT_BLAS : kernel === "wide" ? PRODUCT_WIDE : PRODUCT;
  launch(product, { a, b, d, c }, { ...sizes, alpha, beta, gamma }, {
    TRANSPOSE_A: transposeA ? 1 : 0,
    TRANSPOSE_B: transposeB ? 1 : 0,
    ADD: d ? 1 : 0,
  });
  return c;
}
