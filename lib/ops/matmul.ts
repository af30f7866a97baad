/**
 * Matrix products: `matmul`, and `linear` with bias, activation and residual in the same launch.
 *
 * Two linear layers with an activation between them are in feed_forward.ts, attention's products in
 * attention.ts.
 *
 * @module
 */
import { checkOptions } from "../options.ts";
import { formatShape, sameShape, type Shape, size } from "../shape.ts";
import { differentiable, isTracked } from "../tensor/autograd.ts";
import { activationBackward } from "../tensor/elementwise.ts";
import { expectType } from "../tensor/launch.ts";
import { type Activation, expectActivation } from "./activation.ts";
import { gemm, type GemmSizes, gradientScale } from "./gemm.ts";
import { sum, sumTo } from "./reduce.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

/** Which operands `matmul` takes transposed: their last two axes are swapped. */
export interface MatmulOptions {
  /** a is [..., K, M]. Default false. */
  transposeA?: boolean;
  /** b is [..., N, K]. Default false. */
  transposeB?: boolean;
}

/**
 * The matrix product op(a)·op(b) over the last two axes: a [..., M, K] and b [..., K, N] give [...,
 * M, N].
 *
 * The leading axes of a and b are the same, or one of them has rank 2 and is shared by the whole
 * batch. Sums are in f32. TypeError when ranks, leading axes or inner sizes do not fit or an
 * operand holds no floats; RangeError when an axis is empty.
 *
 * ```ts
 * import { matmul, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const c = matmul(tensor([[1, 2], [3, 4]]), tensor([[1, 0], [1, 1]]));
 * console.log(await c.data()); // [3, 2, 7, 4]
 * device.close();
 * ```
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  checkOptions("matmul", options, { transposeA: true, transposeB: true });
  const { transposeA = false, transposeB = false } = options;
  const c = plainMatmul(a, b, transposeA, transposeB);
  const [needsA, needsB] = [isTracked(a), isTracked(b)];
  return differentiable(c, [a, b], (dc) => {
    const da = () =>
      transposeA ? plainMatmul(b, dc, transposeB, true) : plainMatmul(dc, b, false, !transposeB);
    const db = () => {
      if (transposeB) return plainMatmul(dc, a, true, transposeA);
      // A shared b sees the batch as more rows.
      return b.shape.length === 2 && !transposeA
        ? plainMatmul(flatten(a), flatten(dc), true, false)
        : plainMatmul(a, dc, !transposeA, false);
    };
    return [
      needsA ? sumTo(da(), a.shape) : undefined,
      needsB ? sumTo(db(), b.shape) : undefined,
    ];
  });
}

/** All rows of a tensor of rank ≥ 2, as a matrix. */
function flatten(x: Tensor): Tensor {
  const columns = x.shape[x.shape.length - 1];
  return x.view([x.size / columns, columns]);
}

function plainMatmul(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor {
  expectType("matmul", a, "f32");
  expectType("matmul", b, "f32");
  const [left, right] = [formatShape(a.shape), formatShape(b.shape)];
  const notation = `${left}${transposeA ? "ᵀ" : ""} · ${right}${transposeB ? "ᵀ" : ""}`;
  if (a.shape.length < 2 || b.shape.length < 2) {
    throw new TypeError(`matmul: both operands need two axes or more: ${notation}; use reshape`);
  }
  const [m, k] = matrix(a.shape, transposeA);
  const [inner, n] = matrix(b.shape, transposeB);
  if (inner !== k) throw new TypeError(`matmul: inner sizes differ: ${notation}`);
  if (a.size * b.size === 0) throw new RangeError(`matmul: an axis is empty: ${notation}`);
  const [outerA, outerB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  if (outerA.length > 0 && outerB.length > 0 && !sameShape(outerA, outerB)) {
    throw new TypeError(
      `matmul: leading axes differ: ${notation}; expected the same ones, or one operand of rank 2`,
    );
  }
  const shape = [...(outerA.length > 0 ? outerA : outerB), m, n];
  if (outerB.length === 0 && !transposeA) {
    return gemm(a, b, { m: a.size / k, n, k }, shape, { transposeB });
  }
  return gemm(a, b, { m, n, k }, shape, {
    ...{ transposeA, transposeB, batch: size(shape) / (m * n) },
    ...{ strideA: outerA.length > 0 ? m * k : 0, strideB: outerB.length > 0 ? k * n : 0 },
  });
}

function matrix(shape: Shape, transpose: boolean): [number, number] {
  const [rows, columns] = shape.slice(-2);
  return transpose ? [columns, rows] : [rows, columns];
}

/** Options of `linear`. */
export interface LinearOptions {
  /** Applied to the product and bias. Default: none. */
  activation?: Activation;
  /** Added after the activation; of the result's shape. */
  residual?: Tensor;
  /** The weight is [N, K], as in tied heads and Llama. Default false: [K, N], as in GPT-2. */
  transposed?: boolean;
}

/**
 * activation(x·W + bias) + residual, in one launch: x [..., K] and weight [K, N] (or [N, K] with
 * `transposed`) give [..., N].
 *
 * TypeError when a shape does not fit; RangeError for an unknown activation or an empty axis.
 *
 * ```ts
 * import { linear, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const y = linear(tensor([[1, 2]]), tensor([[1], [-2]]), tensor([1]), { activation: "relu" });
 * console.log(await y.data()); // [0]
 * device.close();
 * ```
 */
export function linear(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor,
  options: LinearOptions = {},
): Tensor {
  checkOptions("linear", options, { activation: true, residual: true, transposed: true });
  const { activation, residual, transposed = false } = options;
  expectActivation("linear", activation);
  const sizes = linearSizes("linear", x, weight, bias, transposed);
  const shape = [...x.shape.slice(0, -1), sizes.n];
  expectShape("linear", "residual", residual, shape);
  const inputs = [x, weight, bias, residual];
  const needs = inputs.map(isTracked);
  const saves = activation && needs.some(Boolean);
  const pre = saves ? empty(shape, { device: x.device }) : undefined;
  const options_ = { transposeB: transposed, bias, activation, saved: pre, residual, rounding: {} };
  const y = gemm(x, weight, sizes, shape, options_);
  return differentiable(y, inputs, (dy, [gathered]) => {
    const dPre = activation && pre ? activationBackward(activation, dy, pre) : dy;
    return [
      needs[0] ? gradientOfInput(dPre, x, weight, sizes, transposed, gathered) : undefined,
      needs[1] ? gradientOfWeight(dPre, x, weight, sizes, transposed) : undefined,
      needs[2] ? gradientOfBias(dPre, sizes.n) : undefined,
      needs[3] ? dy : undefined,
    ];
  }, { sums: [0] });
}

/**
 * The sizes of x·W: m rows (all axes of x but the last), n outputs, k inputs. TypeError when x,
 * weight and bias do not fit, RangeError when one is empty.
 */
export function linearSizes(
  operation: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  transposed: boolean,
): GemmSizes {
  for (const each of [x, weight, bias]) if (each) expectType(operation, each, "f32");
  const notation = `${formatShape(x.shape)} · ${formatShape(weight.shape)}${transposed ? "ᵀ" : ""}`;
  if (x.shape.length < 1 || weight.shape.length !== 2) {
    throw new TypeError(
      `${operation}: expected x of rank 1 or more and a weight of rank 2: ${notation}`,
    );
  }
  const [k, n] = matrix(weight.shape, transposed);
  if (x.shape[x.shape.length - 1] !== k) {
    throw new TypeError(`${operation}: inner sizes differ: ${notation}`);
  }
  if (x.size * n === 0) throw new RangeError(`${operation}: an axis is empty: ${notation}`);
  expectShape(operation, "bias", bias, [n]);
  return { m: x.size / k, n, k };
}

/** Throws a TypeError unless `tensor`, where it is given, holds floats in this shape. */
export function expectShape(
  operation: string,
  name: string,
  tensor: Tensor | undefined,
  shape: Shape,
): void {
  if (!tensor) return;
  if (tensor.dtype !== "f32" || !sameShape(tensor.shape, shape)) {
    throw new TypeError(`${operation}: expected ${name} f32 ${formatShape(shape)}, got ${tensor}`);
  }
}

/** dX = dPre·Wᵀ, plus what was gathered for x already. */
export function gradientOfInput(
  dPre: Tensor,
  x: Tensor,
  weight: Tensor,
  { m, n, k }: GemmSizes,
  transposed: boolean,
  gathered?: Tensor,
): Tensor {
  const rounding = { scaleA: gradientScale(m) };
  const options = { transposeB: !transposed, residual: gathered, rounding };
  return gemm(dPre, weight, { m, n: k, k: n }, x.shape, options);
}

/** dW = Xᵀ·dPre, in the weight's layout, plus what was gathered for it already. */
export function gradientOfWeight(
  dPre: Tensor,
  x: Tensor,
  weight: Tensor,
  { m, n, k }: GemmSizes,
  transposed: boolean,
  gathered?: Tensor,
): Tensor {
  const [options, scale] = [{ transposeA: true, residual: gathered }, gradientScale(m)];
  return transposed
    ? gemm(dPre, x, { m: n, n: k, k: m }, weight.shape, { ...options, rounding: { scaleA: scale } })
    : gemm(x, dPre, { m: k, n, k: m }, weight.shape, { ...options, rounding: { scaleB: scale } });
}

/** db: dPre summed over all rows. */
export function gradientOfBias(dPre: Tensor, n: number): Tensor {
  return sum(dPre.view([dPre.size / n, n]), { axis: 0 });
}
