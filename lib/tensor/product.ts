/**
 * The launch behind every matrix product: its kernels, and their epilogue's options.
 *
 * Shapes are checked, and derivatives put together, in matmul.ts and feed_forward.ts.
 *
 * @module
 */
import { matmul as cpu } from "../../kernels/cpu/matmul.ts";
import { cutMatmul } from "../../kernels/cpu/matmul_cut.ts";
import { chunkColumns, matmulRows as cpuRows } from "../../kernels/cpu/matmul_rows.ts";
import code from "../../kernels/webgpu/matmul.wgsl" with { type: "text" };
import epilogueCode from "../../kernels/webgpu/matmul_epilogue.wgsl" with { type: "text" };
import rowsCode from "../../kernels/webgpu/matmul_rows.wgsl" with { type: "text" };
import type { Kernel } from "../device/kernel.ts";
import type { Shape } from "../shape.ts";
import { launch } from "./launch.ts";
import { empty, type Tensor } from "./tensor.ts";

const BUFFERS = { reads: ["a", "b", "bias", "residual", "pre"], writes: ["c", "saved"] };

const KERNEL: Kernel = {
  name: "matmul",
  ...BUFFERS,
  scalars: Object.fromEntries(
    ["m", "n", "k", "batch", "strideA", "strideB", "rows", "columns", "depth"]
      .map((name) => [name, "u32"]),
  ),
  webgpu: {
    code: epilogueCode + code,
    workgroups: ({ m, n, batch }) => [Math.ceil(batch * m * n / 256)],
  },
  cpu,
};

/** Up to this many rows of A have a kernel of their own, which reads B once. */
const FEW_ROWS = 4;

const ROWS_KERNEL: Kernel = {
  name: "matmul_rows",
  ...BUFFERS,
  scalars: { n: "u32", k: "u32", columns: "u32" },
  webgpu: { code: epilogueCode + rowsCode, workgroups: ({ n }) => [Math.ceil(n / 256)] },
  cpu: cpuRows,
};

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

/** What a product does besides multiplying; tensors called [m,n] have the result's size. */
export interface ProductOptions {
  /** a is [k,m]. */
  transposeA?: boolean;
  /** b is [n,k]. */
  transposeB?: boolean;
  /** Products in the batch. Default 1. */
  batch?: number;
  /** Elements from one a, or b, of the batch to the next; 0 shares it. Default 0. */
  strideA?: number;
  strideB?: number;
  /** [n], added to each row. */
  bias?: Tensor;
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
  sizes: { m: number; n: number; k: number },
  shape: Shape,
  options: ProductOptions = {},
): Tensor {
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
  const { m, n, k } = sizes;
  if (m <= FEW_ROWS && batch === 1 && !options.transposeA) {
    const scalars = { n, k, columns: chunkColumns(n, k) };
    launch(ROWS_KERNEL, buffers, scalars, { ...constants, ROWS: m });
  } else {
    const cut = cutMatmul({ ...sizes, batch }, options.transposeA ?? false);
    const TRANSPOSE_A = options.transposeA ? 1 : 0;
    const scalars = { ...sizes, batch, strideA, strideB, ...cut };
    launch(KERNEL, buffers, scalars, { ...constants, TRANSPOSE_A });
  }
  return c;
}
