/**
 * Gradient descent with momentum over all parameters in one launch.
 *
 * @module
 */
import { sgd as cpu } from "../../kernels/cpu/sgd.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import type { Kernel } from "../device/kernel.ts";
import { launch } from "../tensor/launch.ts";
import { keep } from "../tensor/scope.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import {
  type AverageOptions,
  expectNumbers,
  type LossScalingOptions,
  Optimizer,
  RATE_HINT,
} from "./optimizer.ts";

const KERNEL: Kernel = {
  name: "sgd",
  reads: { gradient: "f32", hyper: "f32", sumOfSquares: "f32" },
  updates: { parameter: "f32", velocity: "f32" },
  scalars: { count: "u32", momentum: "f32", clip: "f32" },
  webgpu: { code: wgsl("sgd"), threads: ({ count }) => count },
  cpu,
};

/** Options of `SGD`. */
export interface SGDOptions extends AverageOptions, LossScalingOptions {
  /** Fraction of the last step's velocity that is kept. Default 0. */
  momentum?: number;
  /**
   * Max gradient norm: gradients whose norm over all parameters exceeds it are scaled down to it; 0
   * disables it. Default 0.
   */
  clip?: number;
}

const OPTIONS: OptionNames<SGDOptions> = {
  momentum: true,
  clip: true,
  average: true,
  lossScaling: true,
};

/**
 * velocity ← momentum·velocity + g, p ← p − rate·velocity. Source: Polyak 1964, in PyTorch's form.
 *
 * ```ts
 * import { openDevice, SGD, square, sum, tensor, valueAndGrad } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const x = tensor([3]);
 * const optimizer = new SGD([x]);
 * const { gradients } = valueAndGrad(() => sum(square(x)), [x]);
 * optimizer.step(gradients, 0.5);
 * console.log(await x.data()); // [3 − 0.5·6] = [0]
 * device.close();
 * ```
 */
export class SGD extends Optimizer {
  /** The options, defaults filled in. */
  readonly options: Required<SGDOptions>;
  readonly #velocity: Tensor;
  readonly #hyper: Tensor;

  /**
   * Moves the parameters into one buffer. An earlier optimizer of one of them cannot step any more.
   *
   * @throws {RangeError} for an option below 0
   * @throws {TypeError} for an unknown one
   */
  constructor(parameters: readonly Tensor[], options: SGDOptions = {}) {
    checkOptions("SGD", options, OPTIONS, RATE_HINT);
    const { momentum = 0, clip = 0, average = 0, lossScaling = false } = options;
    expectNumbers("SGD", { momentum, clip });
    super(parameters, { average, lossScaling });
    this.options = { momentum, clip, average, lossScaling };
    this.#velocity = this.flat.state();
    this.#hyper = keep(zeros([1], { device: parameters[0].device }));
  }

  /** The state `velocity`, flat, in the order of the parameters' buffer. */
  override state(): Map<string, Tensor> {
    return new Map([["velocity", this.#velocity], ...this.averageState()]);
  }

  /** Writes the learning rate. */
  protected override writeHyper(rate: number): void {
    this.#hyper.write([rate]);
  }

  /** One launch over all parameters, clipped by the norm √`sumOfSquares`. */
  protected override launchUpdate(sumOfSquares: Tensor): void {
    const { parameter, gradient, size: count } = this.flat;
    const buffers = {
      gradient,
      hyper: this.#hyper,
      sumOfSquares,
      parameter,
      velocity: this.#velocity,
    };
    const { momentum, clip } = this.options;
    launch(KERNEL, buffers, { count, momentum, clip }, { SKIP: this.lossScale ? 1 : 0 });
  }
}
