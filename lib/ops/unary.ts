/**
 * Elementwise functions of one tensor, each with its derivative under it. See activation.ts for
 * those that layers apply.
 *
 * @module
 */
import { differentiable } from "../tensor/autograd.ts";
import { binary, unary } from "../tensor/elementwise.ts";
import { div, mul } from "./binary.ts";
import { full, type Tensor } from "../tensor/tensor.ts";

/** −x, elementwise. */
export function negate(x: Tensor): Tensor {
  return differentiable(unary("negate", x), [x], (dy) => [negate(dy)]);
}

/** eˣ, elementwise, to 2 ulp. */
export function exp(x: Tensor): Tensor {
  const y = unary("exp", x);
  return differentiable(y, [x], (dy) => [mul(dy, y)]);
}

/** The natural logarithm, elementwise: −∞ at 0, NaN below. */
export function log(x: Tensor): Tensor {
  return differentiable(unary("log", x), [x], (dy) => [div(dy, x)]);
}

/** tanh x, elementwise. */
export function tanh(x: Tensor): Tensor {
  const y = unary("tanh", x);
  return differentiable(y, [x], (dy) => {
    const one = full([], 1, { device: x.device });
    return [mul(dy, binary("sub", one, unary("square", y)))];
  });
}

/** √x, elementwise: NaN below 0. */
export function sqrt(x: Tensor): Tensor {
  const y = unary("sqrt", x);
  return differentiable(y, [x], (dy) => {
    const half = full([], 0.5, { device: x.device });
    return [mul(mul(dy, half), unary("reciprocal", y))];
  });
}

/** 1/√x, elementwise. Its derivative is −½·x^(−3/2). */
export function rsqrt(x: Tensor): Tensor {
  const y = unary("rsqrt", x);
  return differentiable(y, [x], (dy) => {
    const scale = full([], -0.5, { device: x.device });
    return [mul(mul(dy, scale), div(y, x))];
  });
}

/** |x|, elementwise; its derivative at 0 is taken as 0. */
export function abs(x: Tensor): Tensor {
  const zero = full([], 0, { device: x.device });
  return differentiable(unary("abs", x), [x], (dy) => {
    const sign = binary("sub", binary("greater", x, zero), binary("greater", zero, x));
    return [mul(dy, sign)];
  });
}

/** x², elementwise. */
export function square(x: Tensor): Tensor {
  const y = unary("square", x);
  const two = full([], 2, { device: x.device });
  return differentiable(y, [x], (dy) => [mul(mul(dy, two), x)]);
}

/** 1/(1 + e⁻ˣ), elementwise. */
export function sigmoid(x: Tensor): Tensor {
  const y = unary("sigmoid", x);
  const one = full([], 1, { device: x.device });
  return differentiable(y, [x], (dy) => [mul(dy, mul(y, binary("sub", one, y)))]);
}
