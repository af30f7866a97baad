/**
 * AdamW over all parameters in one launch.
 *
 * @module
 */
import { adamW as cpu } from "../../kernels/cpu/adamw.ts";
import { biasCorrection } from "../../kernels/cpu/bias_correction.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import { describe } from "../errors.ts";
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

/** The update of a flat buffer. */
export const ADAMW: Kernel = {
  name: "adamw",
  reads: { gradient: "f32", hyper: "f32", sumOfSquares: "f32" },
  updates: { parameter: "f32", m: "f32", v: "f32" },
  scalars: {
    count: "u32",
    decayed: "u32",
    beta1: "f32",
    beta2: "f32",
    rest1: "f32",
    rest2: "f32",
    epsilon: "f32",
    clip: "f32",
  },
  webgpu: { code: wgsl("adamw"), threads: ({ count }) => count },
  cpu,
};

/** What skipped steps change of `hyper`. */
const BIAS_CORRECTION: Kernel = {
  name: "bias_correction",
  reads: { state: "f32" },
  updates: { hyper: "f32" },
  scalars: { beta1: "f32", beta2: "f32", rest1: "f32", rest2: "f32" },
  webgpu: { code: wgsl("bias_correction"), threads: () => 1 },
  cpu: biasCorrection,
};

/** Options of `AdamW`. */
export interface AdamWOptions extends AverageOptions, LossScalingOptions {
  /** β₁, decay of the gradient's mean. Default 0.9. */
  beta1?: number;
  /** β₂, decay of the squared gradient's mean. Default 0.999. */
  beta2?: number;
  /** ε, added to the root. Default 1e-8. */
  epsilon?: number;
  /**
   * Weight decay of parameters with two or more axes, multiplied by the learning rate. Default
   * 0.01.
   */
  weightDecay?: number;
  /**
   * Max gradient norm: gradients whose norm over all parameters exceeds it are scaled down to it; 0
   * disables it. Default 0.
   */
  clip?: number;
}

const OPTIONS: OptionNames<AdamWOptions> = {
  beta1: true,
  beta2: true,
  epsilon: true,
  weightDecay: true,
  clip: true,
  average: true,
  lossScaling: true,
};

/**
 * AdamW, in PyTorch's form: p ← p·(1 − rate·decay), m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g²,
 * p ← p − rate/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε). Vectors (biases, gains) do not decay.
 *
 * Source: Loshchilov & Hutter, arXiv 1711.05101.
 *
 * ```ts
 * import { AdamW, compile, mul, openDevice, sum, tensor, valueAndGrad } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const x = tensor([1, -2]);
 * const optimizer = new AdamW([x]);
 * const step = compile(() => {
 *   const { value, gradients } = valueAndGrad(() => sum(mul(x, x)), [x]);
 *   optimizer.update(gradients);
 *   return value;
 * });
 * for (let i = 0; i < 100; i++) {
 *   optimizer.prepare(0.1);
 *   step();
 * }
 * console.log(await x.data()); // near 0
 * device.close();
 * ```
 */
export class AdamW extends Optimizer {
  /** The options, defaults filled in. */
  readonly options: Required<AdamWOptions>;
  readonly #m: Tensor;
  readonly #v: Tensor;
  readonly #hyper: Tensor;

  /**
   * Moves the parameters into one buffer. An earlier optimizer of one of them cannot step any more.
   *
   * @throws {RangeError} for a β outside [0, 1), or another option below 0
   * @throws {TypeError} for an unknown one
   */
  constructor(parameters: readonly Tensor[], options: AdamWOptions = {}) {
    checkOptions("AdamW", options, OPTIONS, RATE_HINT);
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.01, clip = 0 } = options;
    const { average = 0, lossScaling = false } = options;
    for (const [name, beta] of Object.entries({ beta1, beta2 })) {
      if (!(beta >= 0 && beta < 1)) {
        throw new RangeError(`AdamW: ${name} must be in [0, 1), got ${describe(beta)}`);
      }
    }
    expectNumbers("AdamW", { epsilon, weightDecay, clip });
    super(parameters, { average, lossScaling });
    this.options = { beta1, beta2, epsilon, weightDecay, clip, average, lossScaling };
    this.#m = this.flat.state();
    this.#v = this.flat.state();
    this.#hyper = keep(zeros([4], { device: parameters[0].device }));
  }

  /** The moments `m` and `v`, flat, in the order of the parameters' buffer. */
  override state(): Map<string, Tensor> {
    return new Map([["m", this.#m], ["v", this.#v], ...this.averageState()]);
  }

  /**
   * Writes the step size corrected for the bias of m, the root of v's correction, the decay's
   * factor, and the step.
   */
  protected override writeHyper(rate: number, step: number): void {
    const { beta1, beta2, weightDecay } = this.options;
    const stepSize = rate / (1 - beta1 ** step);
    this.#hyper.write([stepSize, Math.sqrt(1 - beta2 ** step), 1 - rate * weightDecay, step]);
  }

  /**
   * One launch over all parameters, clipped by the norm √`sumOfSquares`. With a scale of the loss a
   * skipped step does not count in the corrections, as in PyTorch, whose GradScaler leaves it out.
   */
  protected override launchUpdate(sumOfSquares: Tensor): void {
    const { beta1, beta2, epsilon, clip } = this.options;
    const { parameter, gradient, size: count, decayed } = this.flat;
    const hyper = this.#hyper;
    const buffers = { gradient, hyper, sumOfSquares, parameter, m: this.#m, v: this.#v };
    const rests = { rest1: 1 - beta1, rest2: 1 - beta2 };
    const scalars = { count, decayed, beta1, beta2, ...rests, epsilon, clip };
    const state = this.lossScale?.state;
    if (state) launch(BIAS_CORRECTION, { state, hyper }, { beta1, beta2, ...rests });
    launch(ADAMW, buffers, scalars, { SKIP: state ? 1 : 0 });
  }
}
