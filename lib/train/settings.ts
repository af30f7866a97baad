/**
 * Settings of a training run, and the rules that flags, run.json and the library's options share.
 * Sets of settings are in presets.ts.
 *
 * @module
 */
import type { ModelConfig } from "../nn/config.ts";
import { ACTIVATION_NAMES } from "../ops/activation.ts";
import type { Decay } from "../optim/schedules.ts";
import { fields, oneOf, optional, realNumber, type Rule, truth, wholeNumber } from "../rules.ts";

/** A model's choices besides its size; what is left out is as in GPT-2. */
export type ModelChoices = Readonly<
  Partial<
    Pick<
      ModelConfig,
      | "norm"
      | "normPlacement"
      | "normEpsilon"
      | "normGain"
      | "queryKeyNorm"
      | "positions"
      | "activation"
      | "bias"
      | "tiedHead"
      | "headBias"
      | "logitSoftCap"
    >
  >
>;

/** Everything that a run's numbers depend on, besides its corpus. */
export interface TrainSettings {
  /** Number of blocks. */
  layers: number;
  /** Attention heads per block; must divide the width. */
  heads: number;
  /** C, the size of a token's vector. */
  width: number;
  /** Inner size of the feed-forward layer, in multiples of the width. */
  feedForwardFactor: number;
  /** The model's other choices. */
  model: ModelChoices;
  /** How weights are drawn: `gpt2Weights`, `varianceScaledWeights` or `zeroProjectionWeights`. */
  initialWeights: "gpt2" | "varianceScaled" | "zeroProjections";
  /** T, tokens per sequence. */
  context: number;
  /** B, sequences per batch. */
  batch: number;
  /** Random windows of the text, or the whole text once per epoch; see `BatchesOptions`. */
  order: "random" | "epochs";
  /** Minimum number of batches that the text must yield. */
  minimumBatches: number;
  /** Number of updates. */
  steps: number;
  /** Batches per update (gradient accumulation). */
  accumulate: number;
  /** Learning rate at the end of the warm-up. */
  learningRate: number;
  /** Learning rate at the last step. */
  minLearningRate: number;
  /** Steps in which the learning rate rises. */
  warmupSteps: number;
  /** Shape of the learning rate after the warm-up. Default: `cosine`. */
  decay?: Decay;
  /** Share of the steps, at the end, in which the learning rate falls, in (0, 1]. Default: 1. */
  decayShare?: number;
  /** What updates the weights: `AdamW`, or `Muon` with the matrices of blocks. Default: `adamw`. */
  optimizer?: "adamw" | "muon";
  /** With `muon`, AdamW's learning rate as a share of the matrices'. Default: 0.15. */
  adamWShare?: number;
  /** With `muon`, decay of the mean of the matrices' gradients, in [0, 1). Default: 0.95. */
  momentum?: number;
  /** With `muon`, steps in which the momentum rises to that from 0.85. Default: 0. */
  momentumWarmupSteps?: number;
  /** With `muon`, Newton–Schulz iterations. Default: 5. */
  iterations?: number;
  /** With `muon`, the iterations' polynomials. Default: `jordan`. */
  coefficients?: "jordan" | "polar_express";
  /**
   * Decay of a running mean of the weights, which is evaluated and kept as the best model; 0 for
   * none. Default: 0.
   */
  average?: number;
  /** AdamW's weight decay, of matrices only. */
  weightDecay: number;
  /** AdamW's decay of the gradient's mean. */
  beta1: number;
  /** AdamW's decay of the squared gradient's mean. */
  beta2: number;
  /** Maximum gradient norm; 0 disables clipping. */
  clip: number;
  /** Probability of dropping an activation, in [0, 1). */
  dropout: number;
  /** Seed of weights, batches and dropout, an integer in [0, 2^32). */
  seed: number;
}

const count: Rule<number> = wholeNumber({ min: 1 });
const countOrNone: Rule<number> = wholeNumber({ min: 0 });
const notNegative = realNumber({ min: 0 });
const decay = realNumber({ min: 0, below: 1 });

/** The valid values of each setting. `accumulate` is limited because each batch is recorded. */
export const SETTING_RULES: {
  readonly [Name in keyof Required<TrainSettings>]: Rule<TrainSettings[Name]>;
} = {
  layers: count,
  heads: count,
  width: count,
  feedForwardFactor: count,
  model: fields({
    norm: optional(oneOf(["layer", "rms"])),
    normPlacement: optional(oneOf(["pre", "post", "sandwich"])),
    normEpsilon: optional(notNegative),
    normGain: optional(truth),
    queryKeyNorm: optional(truth),
    positions: optional(oneOf(["learned", "sinusoidal", "rotary"])),
    activation: optional(oneOf(ACTIVATION_NAMES)),
    bias: optional(truth),
    tiedHead: optional(truth),
    headBias: optional(truth),
    logitSoftCap: optional(notNegative),
  }),
  initialWeights: oneOf(["gpt2", "varianceScaled", "zeroProjections"]),
  context: count,
  batch: count,
  order: oneOf(["random", "epochs"]),
  minimumBatches: countOrNone,
  steps: count,
  accumulate: wholeNumber({ min: 1, max: 1024 }),
  learningRate: notNegative,
  minLearningRate: notNegative,
  warmupSteps: countOrNone,
  decay: optional(oneOf(["cosine", "linear", "constant"])),
  decayShare: optional(realNumber({ min: 0, max: 1 })),
  optimizer: optional(oneOf(["adamw", "muon"])),
  adamWShare: optional(notNegative),
  momentum: optional(decay),
  momentumWarmupSteps: optional(countOrNone),
  iterations: optional(wholeNumber({ min: 1, max: 10 })),
  coefficients: optional(oneOf(["jordan", "polar_express"])),
  average: optional(decay),
  weightDecay: notNegative,
  beta1: decay,
  beta2: decay,
  clip: notNegative,
  dropout: decay,
  seed: wholeNumber({ min: 0, max: 2 ** 32 - 1 }),
};

/** The settings of a run's reports. */
export type ReportName =
  | "evalEvery"
  | "evalBatches"
  | "logEvery"
  | "sampleEvery"
  | "checkpointEvery";

/** How often a run reports, in steps (0 is never), and on how many batches it evaluates. */
export const REPORT_RULES: Readonly<Record<ReportName, Rule<number>>> = {
  evalEvery: countOrNone,
  evalBatches: count,
  logEvery: countOrNone,
  sampleEvery: countOrNone,
  checkpointEvery: countOrNone,
};
