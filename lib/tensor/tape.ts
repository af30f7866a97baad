/**
 * The tape: what operations write down while a function is differentiated.
 *
 * `valueAndGrad` in autograd.ts puts a tape on and walks it back. An operation calls
 * `differentiable` with the function from the gradient of its result to those of its inputs.
 *
 * @module
 */
import type { Tensor } from "./tensor.ts";

/** The gradient of each input, or undefined if there is none. */
export type Gradients = readonly (Tensor | undefined)[];

/** An operation on the tape. */
export interface Node {
  readonly output: Tensor;
  readonly inputs: readonly Tensor[];
  readonly backward: (gradient: Tensor, gathered: Gradients) => Gradients;
  readonly sums: ReadonlySet<number>;
}

/** The operations of one function in the order of their calls, and all tensors that get gradients. */
export interface Tape {
  readonly nodes: Node[];
  readonly tracked: Set<Tensor>;
}

let tape: Tape | undefined;

/** Whether a gradient will flow to this tensor; an operation can skip work otherwise. */
export function isTracked(tensor: Tensor | undefined): boolean {
  return tensor !== undefined && tape !== undefined && tape.tracked.has(tensor);
}

/** Options of `differentiable`. */
export interface DifferentiableOptions {
  /**
   * Inputs whose returned gradient already includes `gathered`, what later operations have sent
   * there: a kernel that adds it on the way saves a launch.
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

/** Runs `f` while no operation puts itself on a tape. */
export function withoutTape<T>(f: () => T): T {
  return withTape(undefined, f);
}

/** Runs `f` with another tape, or none. */
export function withTape<T>(own: Tape | undefined, f: () => T): T {
  const outer = tape;
  tape = own;
  try {
    return f();
  } finally {
    tape = outer;
  }
}
