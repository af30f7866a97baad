/**
 * The activations: elementwise non-linearities that layers apply, by name or as functions.
 *
 * Each is a row of kernels/elementwise.ts. `linear` and `feedForward` (matmul.ts, feed_forward.ts)
 * apply one before they store a product.
 *
 * @module
 */
import { type Activation, ACTIVATIONS } from "../../kernels/elementwise.ts";
import { differentiable } from "../tensor/autograd.ts";
import { activationBackward, unary } from "../tensor/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";

export type { Activation };

/** The names of all activations. */
export const ACTIVATION_NAMES: readonly Activation[] = Object.keys(ACTIVATIONS) as Activation[];

/** Throws a RangeError if there is no activation of that name. */
export function expectActivation(operation: string, activation: Activation | undefined): void {
  if (activation === undefined || Object.hasOwn(ACTIVATIONS, activation)) return;
  const known = ACTIVATION_NAMES.join(", ");
  throw new RangeError(
    `${operation}: unknown activation '${activation}'; expected one of ${known}`,
  );
}

/**
 * The activation `name` of each element of x.
 *
 * ```ts
 * import { activate, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * console.log(await activate(tensor([-1, 2]), "relu").data()); // [0, 2]
 * device.close();
 * ```
 *
 * @throws {RangeError} if there is no activation of that name
 */
export function activate(x: Tensor, name: Activation): Tensor {
  expectActivation("activate", name);
  return differentiable(unary(name, x), [x], (dy) => [activationBackward(name, dy, x)]);
}

/**
 * The Gaussian error linear unit x·Φ(x) = ½x·(1 + erf(x/√2)), elementwise. Source: Hendrycks &
 * Gimpel, arXiv 1606.08415.
 */
export function gelu(x: Tensor): Tensor {
  return activate(x, "gelu");
}

/**
 * The approximation of `gelu` by tanh, ½x·(1 + tanh(√(2/π)·(x + 0.044715x³))), elementwise, as in
 * GPT-2.
 */
export function geluTanh(x: Tensor): Tensor {
  return activate(x, "gelu_tanh");
}

/** max(x, 0), elementwise; its derivative at 0 is 0. */
export function relu(x: Tensor): Tensor {
  return activate(x, "relu");
}

/** x·sigmoid(x), elementwise, also called swish. */
export function silu(x: Tensor): Tensor {
  return activate(x, "silu");
}

/** max(x, 0)², elementwise, as in Primer. Source: So et al., arXiv 2109.08668. */
export function reluSquared(x: Tensor): Tensor {
  return activate(x, "relu_squared");
}
