/**
 * Matrix products: `matmul`, and `linear` with bias, activation and residual in the same launch.
 *
 * See gemm.ts for the launches, feed_forward.ts for two linear layers with an activation between
 * them, attention.ts for attention's products.
 *
 * @module
 */
import { checkOptions } from "../options.ts";
import { formatShape, sameShape, type Shape, size } from "../shape.ts";
import { differentiable, isTracked } from "../tensor/autograd.ts";
import { activationBackward } from "../tensor/elementwise.ts";
import { deviceOf, expectType } from "../tensor/launch.ts";
import { type Activation, expectActivation } from "./activation.ts";
import { gemm, type GemmSizes, gradientScale } from "./gemm.ts";
import { sum, sumTo } from "./reduce.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

/** Which operands of `matmul` are stored transposed: with their last two axes swapped. */
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
 * batch. Both are f32, and sums are in f32.
 *
 * ```ts
 * import { matmul, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const c = matmul(tensor([[1, 2], [3, 4]]), tensor([[1, 0], [1, 1]]));
 * console.log(await c.data()); // [3, 2, 7, 4]
 * device.close();
 * ```
 *
 * @throws {TypeError} if ranks, leading axes or inner sizes do not fit, or an operand is not f32
 * @throws {RangeError} if an axis is empty
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
      // With a shared b, the batch is more rows of a.
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

/** All rows of a tensor, as a matrix. */
function flatten(x: Tensor): Tensor {
  const columns = x.shape[x.shape.length - 1];
  return x.view([x.size / columns, columns]);
}

function plainMatmul(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor {
  expectType("matmul", a, "f32");
  expectType("matmul", b, "f32");
  deviceOf("matmul", [a, b]);
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
    transposeA,
    transposeB,
    batch: size(shape) / (m * n),
    strideA: outerA.length > 0 ? m * k : 0,
    strideB: outerB.length > 0 ? k * n : 0,
  });
}

function matrix(shape: Shape, transpose: boolean): [number, number] {
  const [rows, columns] = shape.slice(-2);
  return transpose ? [columns, rows] : [rows, columns];
}

/** Options of `linear`. */
export interface LinearOptions {
  /** Activation of the product and bias. Default: none. */
  activation?: Activation;
  /** Added after the activation; f32 of the result's shape. */
  residual?: Tensor;
  /** The weight is [N, K], as in tied heads and Llama. Default false: [K, N], as in GPT-2. */
  transposed?: boolean;
  /** Added to the weight for this product: (b·a)ᵀ, or b·a if `transposed`. Default: none. */
  update?: LowRankFactors;
}

/** The factors of a low-rank matrix b·a. */
export interface LowRankFactors {
  /** f32 [R, K]. */
  readonly a: Tensor;
  /** f32 [N, R]. */
  readonly b: Tensor;
}

/**
 * activation(x·W + bias) + residual, in one launch: x f32 [..., K], weight [K, N] (or [N, K] with
 * `transposed`) and bias [N] give [..., N].
 *
 * ```ts
 * import { linear, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const y = linear(tensor([[1, 2]]), tensor([[1], [-2]]), tensor([1]), { activation: "relu" });
 * console.log(await y.data()); // [0]
 * device.close();
 * ```
 *
 * @throws {TypeError} if a shape or dtype does not fit
 * @throws {RangeError} if the activation is unknown or an axis is empty
 */
export function linear(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor,
  options: LinearOptions = {},
): Tensor {
  const known = { activation: true, residual: true, transposed: true, update: true };
  checkOptions("linear", options, known);
  const { activation, residual, transposed = false, update } = options;
  expectActivation("linear", activation);
  // Computed again in the derivative, which is cheaper than keeping it.
  const updated = () => update ? updatedWeight(weight, update, transposed) : weight;
  const layer = linearLayer("linear", { x, weight: updated(), bias, transposed });
  const shape = [...x.shape.slice(0, -1), layer.sizes.n];
  expectShape("linear", "residual", residual, shape);
  const inputs = [x, weight, bias, residual, update?.a, update?.b];
  const needs = inputs.map(isTracked);
  const saves = activation && needs.some(Boolean);
  const pre = saves ? empty(shape, { device: x.device }) : undefined;
  const y = gemm(x, layer.weight, layer.sizes, shape, {
    transposeB: transposed,
    bias,
    activation,
    saved: pre,
    residual,
    rounding: {},
  });
  return differentiable(y, inputs, (dy, [gathered]) => {
    const dPre = activation && pre ? activationBackward(activation, dy, pre) : dy;
    return [
      needs[0] ? gradientOfInput(dPre, { ...layer, weight: updated() }, gathered) : undefined,
      needs[1] ? gradientOfWeight(dPre, layer) : undefined,
      needs[2] ? gradientOfBias(dPre) : undefined,
      needs[3] ? dy : undefined,
      needs[4] ? gradientOfA(dPre, layer, update!) : undefined,
      needs[5] ? gradientOfB(dPre, layer, update!) : undefined,
    ];
  }, { sums: [0] });
}

/** W + (b·a)ᵀ [K,N], or W + b·a [N,K] if transposed, in one launch. */
function updatedWeight(weight: Tensor, { a, b }: LowRankFactors, transposed: boolean): Tensor {
  const [rank, k] = a.shape;
  const [n] = b.shape;
  expectShape("linear", "the update's b", b, [n, rank]);
  expectShape("linear", "a weight of the update's size", weight, transposed ? [n, k] : [k, n]);
  return transposed
    ? gemm(b, a, { m: n, n: k, k: rank }, weight.shape, { residual: weight })
    : gemm(a, b, { m: k, n, k: rank }, weight.shape, {
      transposeA: true,
      transposeB: true,
      residual: weight,
    });
}

/** da = (dPre·b)ᵀ·x, [R,K]: two thin products instead of the weight's whole gradient. */
function gradientOfA(dPre: Tensor, { x, sizes }: LinearLayer, { a, b }: LowRankFactors): Tensor {
  const { m, n, k } = sizes;
  const [rank] = a.shape;
  const inner = gemm(dPre, b, { m, n: rank, k: n }, [m, rank]);
  return gemm(inner, x, { m: rank, n: k, k: m }, a.shape, { transposeA: true });
}

/** db = dPreᵀ·(x·aᵀ), [N,R]. */
function gradientOfB(dPre: Tensor, { x, sizes }: LinearLayer, { a, b }: LowRankFactors): Tensor {
  const { m, n, k } = sizes;
  const [rank] = a.shape;
  const inner = gemm(x, a, { m, n: rank, k }, [m, rank], { transposeB: true });
  return gemm(dPre, inner, { m: n, n: rank, k: m }, b.shape, { transposeA: true });
}

/** The tensors of a linear layer x·W + bias. */
export interface LinearInputs {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly bias?: Tensor;
  /** The weight is [N, K]. Default false: [K, N]. */
  readonly transposed?: boolean;
}

/** A linear layer whose shapes fit. */
export interface LinearLayer extends LinearInputs {
  /** Sizes of x·W: m rows (all axes of x except the last), n outputs, k inputs. */
  readonly sizes: GemmSizes;
}

/**
 * The layer with its sizes.
 *
 * @throws {TypeError} if x, weight and bias do not fit
 * @throws {RangeError} if one of them is empty
 */
export function linearLayer(operation: string, inputs: LinearInputs): LinearLayer {
  const { x, weight, bias, transposed = false } = inputs;
  for (const each of bias ? [x, weight, bias] : [x, weight]) expectType(operation, each, "f32");
  deviceOf(operation, [x, weight, bias]);
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
  return { ...inputs, sizes: { m: x.size / k, n, k } };
}

/** Throws a TypeError unless `tensor` is undefined or f32 of this shape. */
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

/** dX = dPre·Wᵀ + `gathered`, the gradients that x has already. */
export function gradientOfInput(dPre: Tensor, layer: LinearLayer, gathered?: Tensor): Tensor {
  const { x, weight, sizes: { m, n, k }, transposed } = layer;
  return gemm(dPre, weight, { m, n: k, k: n }, x.shape, {
    transposeB: !transposed,
    residual: gathered,
    rounding: { scaleA: gradientScale(m) },
  });
}

/** dW = Xᵀ·dPre + `gathered`, the gradients that the weight has already, in the weight's layout. */
export function gradientOfWeight(dPre: Tensor, layer: LinearLayer, gathered?: Tensor): Tensor {
  const { x, weight, sizes: { m, n, k }, transposed } = layer;
  const options = { transposeA: true, residual: gathered };
  const scale = gradientScale(m);
  return transposed
    ? gemm(dPre, x, { m: n, n: k, k: m }, weight.shape, { ...options, rounding: { scaleA: scale } })
    : gemm(x, dPre, { m: k, n, k: m }, weight.shape, { ...options, rounding: { scaleB: scale } });
}

/** db: dPre [..., N] summed over all rows. */
export function gradientOfBias(dPre: Tensor): Tensor {
  return sum(flatten(dPre), { axis: 0 });
}
