/**
 * The feed-forward block: two linear layers with an activation between them.
 *
 * As one operation its backward pass multiplies by the activation's derivative while it stores
 * dY·W2ᵀ, which spares a launch and a tensor. The gated form of Llama is put together from
 * `linear`s.
 *
 * @module
 */
import { checkOptions } from "../options.ts";
import { differentiable, isTracked } from "../tensor/autograd.ts";
import {
  expectShape,
  gradientOfBias,
  gradientOfInput,
  gradientOfWeight,
  linearSizes,
} from "./matmul.ts";
import { type Activation, expectActivation } from "./activation.ts";
import { gemm, gradientScale } from "./gemm.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

/** Options of `feedForward`. */
export interface FeedForwardOptions {
  /** Between the two layers. Default `gelu_tanh`. */
  activation?: Activation;
  /** Added to the result; of the result's shape. */
  residual?: Tensor;
}

/**
 * activation(x·W1 + b1)·W2 + b2 + residual, in two launches: x [..., K], w1 [K, F], b1 [F], w2 [F,
 * N] and b2 [N] give [..., N].
 *
 * TypeError when a shape does not fit; RangeError for an unknown activation or an empty axis.
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
  const sizes1 = linearSizes("feedForward", x, w1, b1, false);
  const outer = x.shape.slice(0, -1);
  const inner = [...outer, sizes1.n];
  const saves = needs.slice(0, 3).some(Boolean);
  const pre = saves ? empty(inner, { device: x.device }) : undefined;
  const hidden = gemm(x, w1, sizes1, inner, { bias: b1, activation, saved: pre, rounding: {} });
  const sizes2 = linearSizes("feedForward", hidden, w2, b2, false);
  const shape = [...outer, sizes2.n];
  expectShape("feedForward", "residual", residual, shape);
  const y = gemm(hidden, w2, sizes2, shape, { bias: b2, residual, rounding: {} });
  return differentiable(y, inputs, (dy, [gathered]) => {
    const dPre = needs.slice(0, 3).some(Boolean)
      ? gemm(dy, w2, { m: sizes2.m, n: sizes2.k, k: sizes2.n }, inner, {
        transposeB: true,
        rounding: { scaleA: gradientScale(sizes2.m) },
        derivative: pre && { of: activation, at: pre },
      })
      : dy;
    return [
      needs[0] ? gradientOfInput(dPre, x, w1, sizes1, false, gathered) : undefined,
      needs[1] ? gradientOfWeight(dPre, x, w1, sizes1, false) : undefined,
      needs[2] ? gradientOfBias(dPre, sizes1.n) : undefined,
      needs[3] ? gradientOfWeight(dy, hidden, w2, sizes2, false) : undefined,
      needs[4] ? gradientOfBias(dy, sizes2.n) : undefined,
      needs[5] ? dy : undefined,
    ];
  }, { sums: [0] });
}
