/**
 * The tape: the record of the operations of a function that is differentiated.
 *
 * `valueAndGrad` in autograd.ts starts a tape and processes it backwards. An operation calls
 * `differentiable` with the function from the gradient of its result to those of its inputs. The
 * tape is generic in the type `T` of tensors, so that tensor.ts can record views on it.
 *
 * @module
 */

/** Computes the gradient of each input, or undefined if there is none. */
export type Gradients<T> = readonly (T | undefined)[];

/** An operation on the tape. */
export interface Node<T> {
  readonly output: T;
  readonly inputs: readonly T[];
  readonly sums: ReadonlySet<number>;
  backward(gradient: T, gathered: Gradients<T>): Gradients<T>;
}

/**
 * The operations of one function in the order of their calls, and all tensors that get gradients.
 */
export interface Tape<T> {
  readonly nodes: Node<T>[];
  readonly tracked: Set<T>;
}

let tape: Tape<object> | undefined;

/** Whether a gradient will flow to this tensor; an operation can skip work otherwise. */
export function isTracked(tensor: object | undefined): boolean {
  return tensor !== undefined && tape !== undefined && tape.tracked.has(tensor);
}

const NONE: ReadonlySet<object> = new Set();

/** The tensors that get gradients while a function is differentiated, otherwise none. */
export function trackedTensors(): ReadonlySet<object> {
  return tape?.tracked ?? NONE;
}

/** Options of `differentiable`. */
export interface DifferentiableOptions {
  /**
   * Inputs whose returned gradient already includes `gathered`, the gradients of later operations:
   * a kernel that adds them itself saves a launch.
   */
  sums?: readonly number[];
}

/** Records an operation, if a tape is running and an input is tracked; returns `output`. */
export function differentiable<T extends object>(
  output: T,
  inputs: readonly (T | undefined)[],
  backward: (gradient: T, gathered: Gradients<T>) => Gradients<T>,
  options: DifferentiableOptions = {},
): T {
  if (!tape || !inputs.some(isTracked)) return output;
  tape.tracked.add(output);
  const sums = new Set(options.sums ?? []);
  tape.nodes.push({ output, inputs: inputs as readonly T[], backward, sums });
  return output;
}

/** Runs `f` without recording operations on a tape. */
export function withoutTape<T>(f: () => T): T {
  return withTape(undefined, f);
}

/** Runs `f` with another tape, or none. */
export function withTape<Result>(own: Tape<object> | undefined, f: () => Result): Result {
  const outer = tape;
  tape = own;
  try {
    return f();
  } finally {
    tape = outer;
  }
}
