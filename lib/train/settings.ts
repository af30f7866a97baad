/**
 * Settings of a training run, and the rules for them, which flags, run.json and the library's options
 * share. Sets of settings are in presets.ts.
 *
 * @module
 */
import type { ModelConfig } from "../nn/config.ts";
import { fields, oneOf, optional, realNumber, type Rule, truth, wholeNumber } from "../rules.ts";

/** A model's choices besides its size; what is left out is as in GPT-2. */
export type ModelChoices = Readonly<
  Partial<
    Pick<ModelConfig, "normPlacement" | "normEpsilon" | "positions" | "tiedHead" | "headBias">
  >
>;

/** Everything that a run's numbers depend on, besides its corpus. */
export interface TrainSettings {
  /** Blocks. */
  layers: number;
  /** Attention heads; they divide the width. */
  heads: number;
  /** C, the size of a token's vector. */
  width: number;
  /** The feed-forward's inner size, in widths. */
  feedForwardFactor: number;
  /** The model's other choices. */
  model: ModelChoices;
  /** How weights are drawn: `gpt2Weights` or `varianceScaledWeights`. */
  initialWeights: "gpt2" | "varianceScaled";
  /** T, tokens in a sequence. */
  context: number;
  /** B, sequences in a batch. */
  batch: number;
  /** Windows from anywhere in the text, or the whole text once an epoch; see `BatchesOptions`. */
  order: "random" | "epochs";
  /** Fewest batches that the text must give. */
  minimumBatches: number;
  /** Updates. */
  steps: number;
  /** Batches whose gradients make one update. */
  accumulate: number;
  /** Rate at the end of the warm-up. */
  learningRate: number;
  /** Rate at the last step. */
  minLearningRate: number;
  /** Steps in which the rate rises. */
  warmupSteps: number;
  /** AdamW's decay of matrices. */
  weightDecay: number;
  /** Decay of the gradient's mean. */
  beta1: number;
  /** Decay of the squared gradient's mean. */
  beta2: number;
  /** Largest gradient norm; 0 is off. */
  clip: number;
  /** Chance of dropping an activation, in [0, 1). */
  dropout: number;
  /** Seed of weights, batches and dropout. */
  seed: number;
}

const count: Rule<number> = wholeNumber({ min: 1 });
const countOrNone: Rule<number> = wholeNumber({ min: 0 });
const notNegative = realNumber({ min: 0 });
const decay = realNumber({ min: 0, below: 1 });

/** What each setting may be. Each batch of an update is recorded, hence the limit of `accumulate`. */
export const SETTING_RULES: { readonly [Name in keyof TrainSettings]: Rule<TrainSettings[Name]> } =
  {
    layers: count,
    heads: count,
    width: count,
    feedForwardFactor: count,
    model: fields({
      normPlacement: optional(oneOf(["pre", "post", "sandwich"])),
      normEpsilon: optional(notNegative),
      positions: optional(oneOf(["learned", "sinusoidal", "rotary"])),
      tiedHead: optional(truth),
      headBias: optional(truth),
    }),
    initialWeights: oneOf(["gpt2", "varianceScaled"]),
    context: count,
    batch: count,
    order: oneOf(["random", "epochs"]),
    minimumBatches: countOrNone,
    steps: count,
    accumulate: wholeNumber({ min: 1, max: 1024 }),
    learningRate: notNegative,
    minLearningRate: notNegative,
    warmupSteps: countOrNone,
    weightDecay: notNegative,
    beta1: decay,
    beta2: decay,
    clip: notNegative,
    dropout: decay,
    seed: wholeNumber({ min: 0, max: 2 ** 32 - 1 }),
  };

type ReportName = "evalEvery" | "evalBatches" | "logEvery" | "sampleEvery" | "checkpointEvery";

/** How often a run reports, in steps (0 is never), and on how many batches it evaluates. */
export const REPORT_RULES: Readonly<Record<ReportName, Rule<number>>> = {
  evalEvery: countOrNone,
  evalBatches: count,
  logEvery: countOrNone,
  sampleEvery: countOrNone,
  checkpointEvery: countOrNone,
};
