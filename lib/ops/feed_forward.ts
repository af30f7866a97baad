/**
 * The feed-forward block: two linear layers with an activation between them.
 *
 * As one operation its backward pass multiplies by the activation's derivative while it stores
 * dY·W2ᵀ, which saves a launch and a tensor; of GELU and silu the forward pass keeps the
 * derivative, which shares the exponential of the value. Llama's gated form is composed of
 * `linear`s in lib/nn/feed_forward.ts.
 *
 * @module
 */
import { checkOptions } from "../options.ts";
import { hasSlope } from "../../kernels/elementwise.ts";
import { differentiable, isTracked } from "../tensor/autograd.ts";
import {
  expectShape,
  gradientOfBias,
  gradientOfInput,
  gradientOfWeight,
  linearLayer,
} from "./matmul.ts";
import { type Activation, expectActivation } from "./activation.ts";
import { gemm, gradientScale } from "./gemm.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

/** Options of `feedForward`. */
export interface FeedForwardOptions {
  /** Activation between the two layers. Default `gelu_tanh`. */
  activation?: Activation;
  /** Added to the result; f32 of the result's shape. */
  residual?: Tensor;
}

/**
 * activation(x·W1 + b1)·W2 + b2 + residual, in two launches: x f32 [..., K], w1 [K, F], b1 [F], w2
 * [F, N] and b2 [N] give [..., N].
 *
 * @throws {TypeError} if a shape or dtype does not fit
 * @throws {RangeError} if the activation is unknown or an axis is empty
 */
export function feedForward(
  x: Tensor,
  w1: Tensor,
  b1: Tensor | undefined,
  w2: Tensor,
  b2: Tensor | undefined,
  options: FeedForwardOptions = {},
): Tensor {
  checkOptions("feedForward", options, { activation: true, residual: true });
  const { activation = "gelu_tanh", residual } = options;
  expectActivation("feedForward", activation);
  const inputs = [x, w1, b1, w2, b2, residual];
  const needs = inputs.map(isTracked);
  const first = linearLayer("feedForward", { x, weight: w1, bias: b1 });
  const outer = x.shape.slice(0, -1);
  const inner = [...outer, first.sizes.n];
  const saves = needs.slice(0, 3).some(Boolean);
  const saved = saves ? empty(inner, { device: x.device }) : undefined;
  const savesSlope = hasSlope(activation);
  const hidden = gemm(x, w1, first.sizes, inner, {
    bias: b1,
    activation,
    saved,
    slopeOf: savesSlope ? activation : undefined,
    rounding: {},
  });
  const second = linearLayer("feedForward", { x: hidden, weight: w2, bias: b2 });
  const { m, n, k } = second.sizes;
  const shape = [...outer, n];
  expectShape("feedForward", "residual", residual, shape);
  const y = gemm(hidden, w2, second.sizes, shape, { bias: b2, residual, rounding: {} });
  return differentiable(y, inputs, (dy, [gathered]) => {
    const dPre = saves
      ? gemm(dy, w2, { m, n: k, k: n }, inner, {
        transposeB: true,
        rounding: { scaleA: gradientScale(m) },
        ...savesSlope ? { factor: saved } : { derivative: { of: activation, at: saved! } },
      })
      : dy;
    return [
      needs[0] ? gradientOfInput(dPre, first, gathered) : undefined,
      needs[1] ? gradientOfWeight(dPre, first) : undefined,
      needs[2] ? gradientOfBias(dPre) : undefined,
      needs[3] ? gradientOfWeight(dy, second) : undefined,
      needs[4] ? gradientOfBias(dy) : undefined,
      needs[5] ? dy : undefined,
    ];
  }, { sums: [0] });
}
