/**
 * Muon: momentum whose direction is made orthogonal for matrices, AdamW for everything else.
 *
 * newton_schulz.ts makes the steps of matrices, adamw.ts has the kernel of the rest.
 *
 * @module
 */
import { nesterov } from "../../kernels/cpu/nesterov.ts";
import { wgsl } from "../../kernels/webgpu/wgsl.ts";
import type { Kernel } from "../device/kernel.ts";
import { describe } from "../errors.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { expectValue, oneOf, wholeNumber } from "../rules.ts";
import { launch } from "../tensor/launch.ts";
import { keep } from "../tensor/scope.ts";
import { Tensor, zeros } from "../tensor/tensor.ts";
import { ADAMW } from "./adamw.ts";
import { COEFFICIENTS, type Matrices, orthogonalStep, quintics } from "./newton_schulz.ts";
import { type AverageOptions, expectNumbers, Optimizer, RATE_HINT } from "./optimizer.ts";

const NESTEROV: Kernel = {
  name: "nesterov",
  reads: { hyper: "f32", sumOfSquares: "f32" },
  updates: { gradient: "f32", m: "f32" },
  scalars: { count: "u32", clip: "f32" },
  webgpu: { code: wgsl("nesterov"), threads: ({ count }) => count },
  cpu: nesterov,
};

/** Options of `Muon`. */
export interface MuonOptions extends AverageOptions {
  /**
   * The parameters that take orthogonal steps, [inputs, outputs]; `blockMatrices(model)` gives
   * those of a model. All others take AdamW's. Default: every parameter with two axes.
   */
  matrices?: readonly Tensor[];
  /** μ, decay of the mean of a matrix's gradients. Default 0.95. */
  momentum?: number;
  /** Steps in which μ rises linearly from 0.85, if that is less. Default 0. */
  momentumWarmupSteps?: number;
  /** Newton–Schulz iterations, from 1 to 10. Default 5. */
  iterations?: number;
  /**
   * The iterations' polynomials: `jordan`'s, as in PyTorch, or `polar_express`, which come as far
   * in 4 iterations as those in 5 (Amsel et al., arXiv 2505.16932). Default `jordan`.
   */
  coefficients?: "jordan" | "polar_express";
  /** AdamW's learning rate as a share of that of matrices. Default 0.15. */
  adamWShare?: number;
  /** β₁ of AdamW. Default 0.9. */
  beta1?: number;
  /** β₂ of AdamW. Default 0.95. */
  beta2?: number;
  /** ε of AdamW, added to the root. Default 1e-8. */
  epsilon?: number;
  /**
   * Weight decay of parameters with two or more axes, multiplied by their learning rate. Default 0.
   */
  weightDecay?: number;
  /**
   * Max gradient norm: gradients whose norm over all parameters exceeds it are scaled down to it; 0
   * disables it. Default 0.
   */
  clip?: number;
}

const OPTIONS: OptionNames<MuonOptions> = {
  matrices: true,
  momentum: true,
  momentumWarmupSteps: true,
  iterations: true,
  coefficients: true,
  adamWShare: true,
  beta1: true,
  beta2: true,
  epsilon: true,
  weightDecay: true,
  clip: true,
  average: true,
};

/** Where the momentum's warm-up starts. */
const FIRST_MOMENTUM = 0.85;

/**
 * Muon: for a matrix m ← μ·m + (1 − μ)·g, u = (1 − μ)·g + μ·m, p ← p·(1 − rate·decay) −
 * rate·√max(1, outputs/inputs)·orthogonal(u); for all other parameters AdamW at the rate
 * adamWShare·rate.
 *
 * orthogonal(u) has u's singular vectors and singular values near 1, by a quintic Newton–Schulz
 * iteration in f32. In PyTorch's form (`torch.optim.Muon`), whose matrices are [outputs, inputs].
 * Source: Jordan et al. 2024, kellerjordan.github.io/posts/muon.
 *
 * ```ts
 * import { Muon, openDevice, tensor } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const [matrix, vector] = [tensor([[1, 0], [0, 1]]), tensor([1, 2])];
 * const optimizer = new Muon([matrix, vector]);
 * optimizer.step([tensor([[3, 0], [0, 3]]), tensor([1, 1])], 0.1);
 * console.log(await matrix.data()); // near [0.9, 0, 0, 0.9], whatever the gradient's size
 * device.close();
 * ```
 */
export class Muon extends Optimizer {
  /** The options, defaults filled in. */
  readonly options: Required<MuonOptions>;
  readonly #m: Tensor;
  readonly #v: Tensor;
  /** For matrices: momentum, rate and the decay's factor. */
  readonly #hyper: Tensor;
  /** As AdamW's. */
  readonly #adamWHyper: Tensor;
  /** Matrices of one shape in a row; those with the same shorter side together. */
  readonly #groups: readonly (readonly Matrices[])[];
  /** Elements of the buffers that belong to the matrices, from the start. */
  readonly #ofMatrices: number;

  /**
   * Moves the parameters into one buffer. An earlier optimizer of one of them cannot step any more.
   *
   * @throws {RangeError} for an option out of range, or a matrix without two axes
   * @throws {TypeError} for an unknown option, or a matrix that is not among the parameters
   */
  constructor(parameters: readonly Tensor[], options: MuonOptions = {}) {
    const checked = checkedOptions(parameters, options);
    const { matrices } = checked;
    super(parameters, { first: matrices, average: checked.average });
    this.options = checked;
    const device = parameters[0].device;
    const places = this.flat.places.slice(0, matrices.length);
    this.#ofMatrices = this.flat.places[matrices.length]?.start ?? this.flat.size;
    this.#groups = grouped(places, this.#ofMatrices);
    this.#m = this.flat.state();
    this.#v = keep(zeros([this.flat.size - this.#ofMatrices], { device }));
    this.#hyper = keep(zeros([3], { device }));
    this.#adamWHyper = keep(zeros([3], { device }));
  }

  /**
   * `m`, the mean of gradients of all parameters, and `v`, AdamW's mean of squares of those that
   * are no matrices: each flat, in the order of the parameters' buffer.
   */
  override state(): Map<string, Tensor> {
    const rest: [string, Tensor][] = this.#v.size > 0 ? [["v", this.#v]] : [];
    return new Map([["m", this.#m], ...rest, ...this.averageState()]);
  }

  /** Writes what changes from step to step, for the matrices and for AdamW. */
  protected override writeHyper(rate: number, step: number): void {
    const { momentum, momentumWarmupSteps, adamWShare, beta1, beta2, weightDecay } = this.options;
    const first = Math.min(FIRST_MOMENTUM, momentum);
    const share = momentumWarmupSteps > 0 ? Math.min(1, (step - 1) / momentumWarmupSteps) : 1;
    this.#hyper.write([first + share * (momentum - first), rate, 1 - rate * weightDecay]);
    const own = adamWShare * rate;
    const stepSize = own / (1 - beta1 ** step);
    this.#adamWHyper.write([stepSize, Math.sqrt(1 - beta2 ** step), 1 - own * weightDecay]);
  }

  /** The matrices' launches, and one for the rest; clipped by the norm √`sumOfSquares`. */
  protected override launchUpdate(sumOfSquares: Tensor): void {
    this.#launchMatrices(sumOfSquares);
    const start = this.#ofMatrices;
    const count = this.flat.size - start;
    if (count === 0) return;
    const { beta1, beta2, epsilon, clip } = this.options;
    const rest = (flat: Tensor) => flat.part(start, [count]);
    const { parameter, gradient, decayed } = this.flat;
    const buffers = {
      gradient: rest(gradient),
      hyper: this.#adamWHyper,
      sumOfSquares,
      parameter: rest(parameter),
      m: rest(this.#m),
      v: this.#v,
    };
    const rests = { rest1: 1 - beta1, rest2: 1 - beta2 };
    const scalars = { count, decayed: decayed - start, beta1, beta2, ...rests, epsilon, clip };
    launch(ADAMW, buffers, scalars, { SKIP: 0 });
  }

  #launchMatrices(sumOfSquares: Tensor): void {
    const count = this.#ofMatrices;
    if (count === 0) return;
    const { clip, iterations, coefficients } = this.options;
    const { parameter, gradient } = this.flat;
    const ofMatrices = (flat: Tensor) => flat.part(0, [count]);
    const hyper = this.#hyper;
    const [update, m] = [ofMatrices(gradient), ofMatrices(this.#m)];
    launch(NESTEROV, { hyper, sumOfSquares, gradient: update, m }, { count, clip });
    const step = { parameter, update, hyper, quintics: quintics(coefficients, iterations) };
    for (const groups of this.#groups) {
      orthogonalStep(groups, step);
    }
  }
}

/** The options, defaults filled in; the matrices in the order of their shapes. */
function checkedOptions(
  parameters: readonly Tensor[],
  options: MuonOptions,
): Required<MuonOptions> {
  checkOptions("Muon", options, OPTIONS, RATE_HINT);
  const { momentum = 0.95, momentumWarmupSteps = 0, iterations = 5, adamWShare = 0.15 } = options;
  const { beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weightDecay = 0, clip = 0 } = options;
  const { coefficients = "jordan", average = 0 } = options;
  for (const [name, decay] of Object.entries({ momentum, beta1, beta2 })) {
    if (!(decay >= 0 && decay < 1)) {
      throw new RangeError(`Muon: ${name} must be in [0, 1), got ${describe(decay)}`);
    }
  }
  expectNumbers("Muon", { momentumWarmupSteps, adamWShare, epsilon, weightDecay, clip });
  expectValue("Muon: iterations", wholeNumber({ min: 1, max: 10 }), iterations);
  expectValue("Muon: coefficients", oneOf(COEFFICIENTS), coefficients);
  const numbers = { momentum, momentumWarmupSteps, iterations, coefficients, adamWShare };
  const ofAdamW = { beta1, beta2, epsilon, weightDecay, clip, average };
  return { matrices: checkedMatrices(parameters, options), ...numbers, ...ofAdamW };
}

function checkedMatrices(
  parameters: readonly Tensor[],
  { matrices }: MuonOptions,
): readonly Tensor[] {
  const isList = Array.isArray(parameters);
  const chosen = matrices ?? (isList ? parameters.filter(isMatrix) : []);
  if (!Array.isArray(chosen)) {
    throw new TypeError(
      `Muon: matrices: expected an array of tensors, such as blockMatrices(model), got ${
        describe(chosen)
      }`,
    );
  }
  for (const each of chosen) {
    if (!parameters.includes(each)) {
      throw new TypeError(`Muon: matrices: expected some of the parameters, got ${describe(each)}`);
    }
    if (!isMatrix(each)) {
      throw new RangeError(`Muon: matrices: expected tensors of two axes, got ${each}`);
    }
  }
  const key = ({ shape: [rows, columns] }: Tensor) => [Math.min(rows, columns), rows, columns];
  return chosen.toSorted((a, b) => {
    const [one, other] = [key(a), key(b)];
    const differs = one.findIndex((size, i) => size !== other[i]);
    return differs < 0 ? 0 : one[differs] - other[differs];
  });
}

function isMatrix(parameter: Tensor): boolean {
  return parameter instanceof Tensor && parameter.shape.length === 2;
}

/** Places in the order of their shapes, as groups of one shape, by their shorter side. */
function grouped(
  places: readonly { readonly parameter: Tensor; readonly start: number }[],
  end: number,
): Matrices[][] {
  const groups: (Matrices & { count: number })[] = [];
  places.forEach(({ parameter: { shape: [rows, columns] }, start }, i) => {
    const last = groups.at(-1);
    if (last?.rows === rows && last.columns === columns) last.count++;
    else {
      const stride = (places[i + 1]?.start ?? end) - start;
      groups.push({ start, count: 1, stride, rows, columns });
    }
  });
  return [...Map.groupBy(groups, ({ rows, columns }) => Math.min(rows, columns)).values()];
}
