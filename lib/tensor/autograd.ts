/**
 * Reverse-mode differentiation over a tape.
 *
 * While `valueAndGrad` runs a function, each operation puts itself on the tape with a function from
 * the gradient of its result to those of its inputs; the tape is then walked backwards. Each
 * derivative stands directly under its operation.
 *
 * @module
 */
import { binary } from "./elementwise.ts";
import { full, type Tensor } from "./tensor.ts";

/** The gradient of each input, or undefined where there is none. */
export type Gradients = readonly (Tensor | undefined)[];

interface Node {
  readonly output: Tensor;
  readonly inputs: readonly Tensor[];
  readonly backward: (gradient: Tensor, gathered: Gradients) => Gradients;
  readonly sums: ReadonlySet<number>;
}

interface Tape {
  readonly nodes: Node[];
  readonly tracked: Set<Tensor>;
}

let tape: Tape | undefined;

/** Whether a gradient will flow to this tensor: for an operation that can spare itself work. */
export function isTracked(tensor: Tensor | undefined): boolean {
  return tensor !== undefined && tape !== undefined && tape.tracked.has(tensor);
}

/** Options of `differentiable`. */
export interface DifferentiableOptions {
  /**
   * Inputs whose returned gradient already includes `gathered`, what later operations have sent
   * there: a kernel that adds it on the way spares a launch.
   */
  sums?: readonly number[];
}

/** Puts an operation on the tape, if one is running and an input is tracked; returns `output`. */
export function differentiable(
  output: Tensor,
  inputs: readonly (Tensor | undefined)[],
  backward: (gradient: Tensor, gathered: Gradients) => Gradients,
  options: DifferentiableOptions = {},
): Tensor {
  if (!tape || !inputs.some(isTracked)) return output;
  tape.tracked.add(output);
  const sums = new Set(options.sums ?? []);
  tape.nodes.push({ output, inputs: inputs as readonly Tensor[], backward, sums });
  return output;
}

/**
 * Runs `f`, a function of tensors that gives one number, and returns its value and its gradient
 * with respect to each of `parameters`: ∂f/∂p, of p's shape, zeros where f does not depend on p.
 *
 * TypeError when f's result has more than one element.
 *
 * ```ts
 * import { mul, openDevice, sum, tensor, valueAndGrad } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const x = tensor([1, 2, 3]);
 * const { value, gradients: [dx] } = valueAndGrad(() => sum(mul(x, x)), [x]);
 * console.log(await value.item(), await dx.data()); // 14 [2, 4, 6]
 * device.close();
 * ```
 */
export function valueAndGrad(
  f: () => Tensor,
  parameters: readonly Tensor[],
): { value: Tensor; gradients: Tensor[] } {
  const { value, gradients } = backpropagate(f, parameters, (value) => {
    if (value.size !== 1) {
      throw new TypeError(`valueAndGrad: expected a function that gives one number, got ${value}`);
    }
    return full(value.shape, 1, { device: value.device });
  });
  const whole = gradients.map((gradient, i) =>
    gradient ?? full(parameters[i].shape, 0, { device: parameters[i].device })
  );
  return { value, gradients: whole };
}

/**
 * Runs `f` on a tape of its own, and walks it back from the gradient that `seed` gives for f's
 * result.
 */
export function backpropagate(
  f: () => Tensor,
  parameters: readonly Tensor[],
  seed: (value: Tensor) => Tensor,
): { value: Tensor; gradients: Gradients } {
  const mine: Tape = { nodes: [], tracked: new Set(parameters) };
  const value = withTape(mine, f);
  const gathered = new Map<Tensor, Tensor>();
  withoutTape(() => {
    gathered.set(value, seed(value));
    for (const node of mine.nodes.reverse()) propagate(node, gathered, mine.tracked);
  });
  return { value, gradients: parameters.map((parameter) => gathered.get(parameter)) };
}

/** Runs `f` while no operation puts itself on a tape. */
export function withoutTape<T>(f: () => T): T {
  return withTape(undefined, f);
}

function withTape<T>(given: Tape | undefined, f: () => T): T {
  const outer = tape;
  tape = given;
  try {
    return f();
  } finally {
    tape = outer;
  }
}

function propagate(node: Node, gathered: Map<Tensor, Tensor>, tracked: Set<Tensor>): void {
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
