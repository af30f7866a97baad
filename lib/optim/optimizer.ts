/**
 * What every optimizer is: one update of all parameters from their gradients, and a state that can
 * be saved.
 *
 * @module
 */
import { sumOfSquares } from "../ops/sum_of_squares.ts";
import { sqrt } from "../ops/unary.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { FlatParameters } from "./flat.ts";

/** An optimizer over a fixed list of parameters. */
export abstract class Optimizer {
  /**
   * Parameters and gradients, a flat buffer each.
   *
   * @internal
   */
  protected readonly flat: FlatParameters;
  #step = 0;

  /** Moves the parameters into one buffer; make the optimizer before compiling what uses them. */
  constructor(parameters: readonly Tensor[]) {
    this.flat = new FlatParameters(parameters);
  }

  /** How many updates there have been. */
  get step(): number {
    return this.#step;
  }

  /**
   * Sets what changes from step to step, on the host, and counts one step: call it before each run
   * of the program that holds `update`. RangeError for a learning rate that is not a number from 0.
   */
  prepare(learningRate: number): void {
    if (!(learningRate >= 0)) {
      throw new RangeError(
        `optimizer: the learning rate must be a number from 0, got ${learningRate}`,
      );
    }
    this.#step++;
    this.writeHyper(learningRate, this.#step);
  }

  /**
   * Updates every parameter; returns ‖gradients‖, the norm over all of them before any clip, [].
   */
  update(gradients: readonly Tensor[]): Tensor {
    this.flat.gather(gradients);
    const squares = sumOfSquares(this.flat.gradient).view([]);
    this.launchUpdate(squares);
    return sqrt(squares);
  }

  /** The state besides the parameters, each a flat buffer, by name. */
  abstract state(): Map<string, Tensor>;

  /**
   * The same, cut up: for each state's name, the part that belongs to each parameter. Write into
   * the parts to restore them.
   */
  stateParts(): Map<string, Map<Tensor, Tensor>> {
    const cut = (flat: Tensor) =>
      this.flat.places.map(({ parameter, start }) =>
        [parameter, flat.part(start, parameter.shape)] as const
      );
    return new Map([...this.state()].map(([name, flat]) => [name, new Map(cut(flat))]));
  }

  /** Bytes of the parameters' buffer, of the gradients', and of the state's. */
  bytes(): { parameters: number; gradients: number; state: number } {
    const state = [...this.state().values()].reduce((sum, { size }) => sum + 4 * size, 0);
    return { parameters: 4 * this.flat.size, gradients: 4 * this.flat.size, state };
  }

  /**
   * Continues from a saved step; the tensors of `state()` are written by the caller. RangeError for
   * no whole number.
   */
  restore(step: number): void {
    if (!Number.isSafeInteger(step) || step < 0) {
      throw new RangeError(`optimizer: the step must be a whole number from 0, got ${step}`);
    }
    this.#step = step;
  }

  /**
   * Writes what the kernel needs of the learning rate and of the step, counted from 1, to the
   * device.
   */
  protected abstract writeHyper(learningRate: number, step: number): void;
  /**
   * Launches the update of all parameters; `squares`, [], is the sum of the gradients' squares, for
   * the clip.
   */
  protected abstract launchUpdate(squares: Tensor): void;
}
