/**
 * The base of optimizers: one update of all parameters from their gradients, and a state that can
 * be saved. See adamw.ts and sgd.ts.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { sameShape } from "../shape.ts";
import { expectValue, realNumber, wholeNumber } from "../rules.ts";
import { sumOfSquares } from "../ops/sum_of_squares.ts";
import { sqrt } from "../ops/unary.ts";
import { Tensor } from "../tensor/tensor.ts";
import { Average } from "./average.ts";
import { FlatParameters } from "./flat.ts";
import { LossScale } from "./loss_scale.ts";

/** The hint for `learningRate`, which is not an option of optimizers. */
export const RATE_HINT: Readonly<Record<string, string>> = {
  learningRate: "the rate is an argument of step and prepare, and an option of Trainer",
};

/** Throws a RangeError unless the options are finite numbers from 0. */
export function expectNumbers(owner: string, options: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (value >= 0 && value < Infinity) continue;
    throw new RangeError(`${owner}: ${name} must be a number from 0, got ${describe(value)}`);
  }
}

/** Options of every optimizer. */
export interface AverageOptions {
  /**
   * Decay of a running mean of the parameters, in [0, 1): mean ← mean + max(1 − decay,
   * 1/step)·(parameter − mean) after each step. `withAverage` and `Trainer.evaluate` use it.
   * Default 0: none.
   */
  average?: number;
}

/** Options of optimizers for half precision. */
export interface LossScalingOptions {
  /**
   * Scale the loss, so that gradients in half precision neither vanish nor overflow: a step whose
   * gradients overflow changes no parameter and halves the scale, 200 steps without that double it.
   * The scale is saved with the state. In full precision it changes nothing. Default false.
   */
  lossScaling?: boolean;
}

/** What an optimizer tells its base. */
interface BaseOptions extends AverageOptions, LossScalingOptions {
  /** The parameters that come first in the flat buffers, in this order. Default: none. */
  first?: readonly Tensor[];
}

/** An optimizer over a fixed list of parameters. */
export abstract class Optimizer {
  /**
   * Parameters and gradients, a flat buffer each.
   *
   * @internal
   */
  protected readonly flat: FlatParameters;
  /**
   * The scale of the loss; undefined without `lossScaling`.
   *
   * @internal
   */
  readonly lossScale: LossScale | undefined;
  readonly #average: Average | undefined;
  #isAveraged = false;
  #stepsDone = 0;

  /**
   * Moves the parameters into one buffer, those of `first` first. An earlier optimizer of one of
   * them cannot step any more.
   *
   * @throws {TypeError} if they are not an array of tensors
   * @throws {RangeError} if it is empty, or `average` is outside [0, 1)
   */
  constructor(parameters: readonly Tensor[], options: BaseOptions = {}) {
    const { first = [], average = 0, lossScaling = false } = options;
    const owner = new.target.name;
    expectValue(`${owner}: average`, realNumber({ min: 0, below: 1 }), average);
    this.flat = new FlatParameters(owner, parameters, first);
    this.#average = average > 0 ? new Average(this.flat.parameter, average) : undefined;
    this.lossScale = lossScaling ? new LossScale(parameters[0].device) : undefined;
  }

  /**
   * The running mean of the parameters, [size], by its name in `state`; empty without `average`.
   */
  protected averageState(): [string, Tensor][] {
    return this.#average ? [["average", this.#average.mean]] : [];
  }

  /**
   * Calls `body` while the parameters hold their running mean, to evaluate or to save them, and
   * gives its result; without the option `average`, and before the first step, as they are.
   *
   * ```ts
   * import { openDevice, SGD, tensor } from "../../mod.ts";
   * const device = await openDevice({ device: "cpu", threads: 1 });
   * const x = tensor([0]);
   * const optimizer = new SGD([x], { average: 0.5 });
   * for (let i = 0; i < 2; i++) optimizer.step([tensor([-1])], 1);
   * const mean = await optimizer.withAverage(() => x.item());
   * console.log(await x.item(), mean); // 2 1.5
   * device.close();
   * ```
   */
  async withAverage<Result>(body: () => Result | Promise<Result>): Promise<Result> {
    const average = this.#stepsDone > 0 && !this.#isAveraged ? this.#average : undefined;
    if (!average) return await body();
    average.exchange();
    this.#isAveraged = true;
    try {
      return await body();
    } finally {
      average.exchange();
      this.#isAveraged = false;
    }
  }

  /** The parameters, in the order in which `update` takes their gradients. */
  get parameters(): readonly Tensor[] {
    return this.flat.parameters;
  }

  /** Number of updates so far. */
  get stepsDone(): number {
    return this.#stepsDone;
  }

  /**
   * One update of every parameter, outside a compiled function: `prepare`, then `update`. Returns
   * ‖gradients‖, [].
   *
   * ```ts
   * import { openDevice, SGD, square, sum, tensor, valueAndGrad } from "../../mod.ts";
   * const device = await openDevice({ device: "cpu", threads: 1 });
   * const x = tensor([1, -2]);
   * const optimizer = new SGD([x]);
   * const { gradients } = valueAndGrad((x) => sum(square(x)), [x]);
   * optimizer.step(gradients, 0.25);
   * console.log(x); // f32 [2] on cpu: [0.5, -1]
   * device.close();
   * ```
   *
   * @throws {Error} while a program is recorded, which would keep the rate of its first run
   */
  step(gradients: readonly Tensor[], learningRate: number): Tensor {
    this.#expectGradients(gradients);
    if (gradients[0].device.recorder) {
      throw new Error(
        `${this.#name}.step: call prepare(rate) before the compiled function and update(gradients) in it`,
      );
    }
    this.prepare(learningRate);
    return this.update(gradients);
  }

  /**
   * Writes the values that change from step to step, and counts one step: call it before each run
   * of the program that contains `update`.
   *
   * @throws {RangeError} for a learning rate that is not a finite number from 0
   * @throws {Error} if a parameter now belongs to another optimizer, or holds its mean for
   *   `withAverage`
   */
  prepare(learningRate: number): void {
    if (!(learningRate >= 0 && learningRate < Infinity)) {
      throw new RangeError(
        `${this.#name}: the learning rate must be a number from 0, got ${describe(learningRate)}`,
      );
    }
    this.flat.expectOwned();
    if (this.#isAveraged) {
      throw new Error(`${this.#name}: no step within withAverage, whose parameters are a mean`);
    }
    this.#stepsDone++;
    this.#average?.write(this.#stepsDone);
    this.writeHyper(learningRate, this.#stepsDone);
  }

  /**
   * Updates every parameter from its gradient, in the parameters' order; returns ‖gradients‖, the
   * norm over all of them before any clip, []. With `lossScaling` they are those of `scaledLoss`.
   *
   * @throws {TypeError} if they do not fit the parameters
   */
  update(gradients: readonly Tensor[]): Tensor {
    this.gather(gradients);
    return this.apply();
  }

  /**
   * The loss as it is, whose gradient is multiplied by the scale that `update` divides by; without
   * `lossScaling` the loss itself.
   */
  scaledLoss(loss: Tensor): Tensor {
    return this.lossScale?.scaled(loss) ?? loss;
  }

  /**
   * The first half of `update`: copies the gradients into one buffer, `gradient`, where they can be
   * summed over processes.
   *
   * @internal
   */
  gather(gradients: readonly Tensor[]): void {
    this.#expectGradients(gradients);
    this.flat.expectOwned();
    this.flat.gather(gradients);
  }

  /**
   * The second half of `update`, from the gradients in that buffer.
   *
   * @internal
   */
  apply(): Tensor {
    this.lossScale?.unscale(this.flat.gradient);
    const squares = sumOfSquares(this.flat.gradient).view([]);
    this.launchUpdate(squares);
    this.#average?.launch();
    this.lossScale?.adjust(squares);
    return sqrt(squares);
  }

  /**
   * All gradients, [size], as `gather` left them.
   *
   * @internal
   */
  get gradient(): Tensor {
    return this.flat.gradient;
  }

  /**
   * What must be equal in all processes that train together: the parameters and the state.
   *
   * @internal
   */
  get shared(): readonly Tensor[] {
    const scale = this.lossScale ? [this.lossScale.state] : [];
    return [this.flat.parameter, ...this.state().values(), ...scale];
  }

  /**
   * The state besides the parameters, by name: each a flat buffer, of all parameters or of the last
   * ones.
   */
  abstract state(): Map<string, Tensor>;

  /**
   * The same state by parameter: for each state's name, the part that belongs to each parameter.
   * Write into the parts to restore them.
   */
  stateParts(): Map<string, Map<Tensor, Tensor>> {
    const cut = (flat: Tensor) => {
      const skipped = this.flat.size - flat.size;
      const places = this.flat.places.filter(({ start }) => start >= skipped);
      return places.map(({ parameter, start }) =>
        [parameter, flat.part(start - skipped, parameter.shape)] as const
      );
    };
    return new Map([...this.state()].map(([name, flat]) => [name, new Map(cut(flat))]));
  }

  /** Bytes of the parameters' buffer, of the gradients', and of the state's. */
  bytes(): { parameters: number; gradients: number; state: number } {
    const state = [...this.state().values()].reduce((sum, { size }) => sum + 4 * size, 0);
    return { parameters: 4 * this.flat.size, gradients: 4 * this.flat.size, state };
  }

  /**
   * Continues from a saved step; the caller writes the tensors of `state()`.
   *
   * @throws {RangeError} unless it is a whole number
   */
  restore(step: number): void {
    expectValue(`${this.#name}: the step`, wholeNumber({ min: 0 }), step);
    this.#stepsDone = step;
  }

  get #name(): string {
    return this.constructor.name;
  }

  #expectGradients(gradients: readonly Tensor[]): void {
    const { parameters } = this.flat;
    if (!Array.isArray(gradients) || gradients.length !== parameters.length) {
      throw new TypeError(
        `${this.#name}: expected ${parameters.length} gradients, as valueAndGrad gives them, got ` +
          describe(gradients),
      );
    }
    parameters.forEach((parameter, i) => {
      const own: unknown = gradients[i];
      if (own instanceof Tensor && own.dtype === "f32" && sameShape(own.shape, parameter.shape)) {
        return;
      }
      throw new TypeError(
        `${this.#name}: expected the gradient of parameter ${i}, ${parameter}, got ${
          describe(own)
        }`,
      );
    });
  }

  /**
   * Writes the learning rate and the step, counted from 1, to the device in the form that the
   * kernel needs.
   */
  protected abstract writeHyper(learningRate: number, step: number): void;
  /**
   * Launches the update of all parameters; `squares`, [], is the sum of the gradients' squares, for
   * the clip.
   */
  protected abstract launchUpdate(squares: Tensor): void;
}

/** Throws a TypeError unless `optimizer` is an `Optimizer`. */
export function expectOptimizer(
  operation: string,
  optimizer: unknown,
): asserts optimizer is Optimizer {
  if (optimizer instanceof Optimizer) return;
  throw new TypeError(
    `${operation}: expected an optimizer such as new AdamW(model.parameters()), got ` +
      describe(optimizer),
  );
}
