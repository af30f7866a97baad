/**
 * The running mean of an optimizer's parameters, with which a model is evaluated and saved.
 *
 * @module
 */
import { copy, store } from "../tensor/copy.ts";
import { keep } from "../tensor/scope.ts";
import { full, type Tensor, zeros } from "../tensor/tensor.ts";
import { scaledStep } from "./scaled_step.ts";

/**
 * mean ← mean + max(1 − decay, 1/step)·(parameter − mean): the plain mean of the first 1/(1 −
 * decay) steps, then an exponential one.
 */
export class Average {
  /** The mean, [size]. */
  readonly mean: Tensor;
  /** [3]: 0, the share of the new parameters, that of the old mean. */
  readonly #hyper: Tensor;
  readonly #one: Tensor;

  /** Makes a mean of zeros; the first step sets it to the parameters. */
  constructor(readonly parameter: Tensor, readonly decay: number) {
    const { device, size } = parameter;
    this.mean = keep(zeros([size], { device }));
    this.#hyper = keep(zeros([3], { device }));
    this.#one = keep(full([1], 1, { device }));
  }

  /** Writes the shares of a step, counted from 1. */
  write(step: number): void {
    const share = Math.max(1 - this.decay, 1 / step);
    this.#hyper.write([0, share, 1 - share]);
  }

  /** Adds the parameters to the mean. */
  launch(): void {
    const { parameter, mean } = this;
    const buffers = { parameter: mean, update: parameter, factors: this.#one, hyper: this.#hyper };
    const { size } = mean;
    scaledStep(buffers, { batch: 1, size, stride: size, first: 0, scale: -1 });
  }

  /** Exchanges the parameters and the mean. */
  exchange(): void {
    const { parameter, mean } = this;
    const old = copy(parameter);
    store(mean, parameter);
    store(old, mean);
    old.dispose();
  }
}
