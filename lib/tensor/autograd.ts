/**
 * Reverse-mode differentiation over a tape.
 *
 * While `valueAndGrad` runs a function, each operation records itself on the tape (tape.ts) with a
 * function from the gradient of its result to those of its inputs; the tape is then processed
 * backwards. Each derivative is written directly under its operation.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { binary } from "./elementwise.ts";
import { expectTensor } from "./launch.ts";
import {
  type Gradients,
  type Node,
  type Tape,
  trackedTensors,
  withoutTape,
  withTape,
} from "./tape.ts";
import { full, type Tensor } from "./tensor.ts";

export { differentiable, isTracked, withoutTape } from "./tape.ts";

/**
 * Runs `f`, a function of tensors whose result is one number, and returns its value and its
 * gradient with respect to each of `parameters`: ∂f/∂p, of p's shape, zeros if f does not depend on
 * p.
 *
 * `f` receives the parameters in their order; it may also close over them. Derivatives of
 * derivatives are not computed.
 *
 * ```ts
 * import { mul, openDevice, sum, tensor, valueAndGrad } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const { value, gradients: [dx] } = valueAndGrad((x) => sum(mul(x, x)), [tensor([1, 2, 3])]);
 * console.log(value, dx); // f32 [] on cpu: 14 f32 [3] on cpu: [2, 4, 6]
 * device.close();
 * ```
 *
 * @throws {TypeError} if f's result is no tensor of one element, or `parameters` no array of
 * tensors
 * @throws {Error} inside another call of it
 */
export function valueAndGrad(
  f: (...parameters: Tensor[]) => Tensor,
  parameters: readonly Tensor[],
): { value: Tensor; gradients: Tensor[] } {
  if (typeof f !== "function" || !Array.isArray(parameters)) {
    throw new TypeError(
      "valueAndGrad: expected a function of tensors and an array of them; got " +
        `${describe(f)} and ${describe(parameters)}`,
    );
  }
  parameters.forEach((parameter, i) => expectTensor(`valueAndGrad: parameter ${i}`, parameter));
  if (trackedTensors().size > 0) {
    throw new Error(
      "valueAndGrad: called inside another valueAndGrad, whose gradients would miss what depends on " +
        "it: derivatives of derivatives are not computed; call it before the other one",
    );
  }
  const { value, gradients } = backpropagate(() => f(...parameters), parameters, (value) => {
    expectTensor("valueAndGrad: the function's result", value);
    if (value.size !== 1) {
      throw new TypeError(
        `valueAndGrad: expected a function that gives one number, got ${value}; take its sum or mean`,
      );
    }
    return full(value.shape, 1, { device: value.device });
  });
  const whole = gradients.map((gradient, i) =>
    gradient ?? full(parameters[i].shape, 0, { device: parameters[i].device })
  );
  return { value, gradients: whole };
}

/**
 * Runs `f` on its own tape, and processes the tape backwards from the gradient that `seed` returns
 * for f's result.
 */
export function backpropagate(
  f: () => Tensor,
  parameters: readonly Tensor[],
  seed: (value: Tensor) => Tensor,
): { value: Tensor; gradients: Gradients<Tensor> } {
  const mine: Tape<Tensor> = { nodes: [], tracked: new Set(parameters) };
  const value = withTape(mine, f);
  const gathered = new Map<Tensor, Tensor>();
  withoutTape(() => {
    gathered.set(value, seed(value));
    for (const node of mine.nodes.reverse()) propagate(node, gathered, mine.tracked);
  });
  return { value, gradients: parameters.map((parameter) => gathered.get(parameter)) };
}

function propagate(
  node: Node<Tensor>,
  gathered: Map<Tensor, Tensor>,
  tracked: Set<Tensor>,
): void {
  const gradient = gathered.get(node.output);
  if (!gradient) return;
  gathered.delete(node.output);
  const gradients = node.backward(gradient, node.inputs.map((input) => gathered.get(input)));
  node.inputs.forEach((input, i) => {
    const own = gradients[i];
    if (!own || !tracked.has(input)) return;
    const before = node.sums.has(i) ? undefined : gathered.get(input);
    gathered.set(input, before ? binary("add", before, own) : own);
  });
}
