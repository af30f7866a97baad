/**
 * Settings of a training run, the named sets of them, and the model that they describe.
 *
 * @module
 */
import { checkOptions } from "../options.ts";
import type { ModelConfig, ModelConfigInput } from "../nn/config.ts";
import { GPT } from "../nn/gpt.ts";
import { gpt2Weights, varianceScaledWeights } from "../nn/initial_weights.ts";
import { Random } from "../random.ts";

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

const BABY: TrainSettings = {
  layers: 4,
  heads: 4,
  width: 128,
  feedForwardFactor: 4,
  model: {},
  initialWeights: "gpt2",
  context: 64,
  batch: 12,
  order: "random",
  minimumBatches: 0,
  steps: 2000,
  accumulate: 1,
  learningRate: 1e-3,
  minLearningRate: 1e-4,
  warmupSteps: 100,
  weightDecay: 0.1,
  beta1: 0.9,
  beta2: 0.99,
  clip: 1,
  dropout: 0,
  seed: 1337,
};

/** The presets' names. */
export type PresetName = "baby" | "small" | "practical";

/**
 * `baby`: nanoGPT's settings for characters on a laptop, minutes on a CPU; `small`: its settings
 * for a GPU; `practical`: one post-norm block over whole words that passes over its text some forty
 * times and overfits on purpose, as its loss on held-out text shows.
 */
export const PRESETS: Readonly<Record<PresetName, TrainSettings>> = {
  baby: BABY,
  small: {
    ...BABY,
    layers: 6,
    heads: 6,
    width: 384,
    context: 256,
    batch: 64,
    steps: 5000,
    dropout: 0.2,
  },
  practical: {
    ...BABY,
    layers: 1,
    feedForwardFactor: 2,
    model: {
      normPlacement: "post",
      normEpsilon: 1e-6,
      positions: "sinusoidal",
      tiedHead: false,
      headBias: true,
    },
    initialWeights: "varianceScaled",
    batch: 32,
    order: "epochs",
    minimumBatches: 10,
    steps: 3500,
    learningRate: 2e-3,
    minLearningRate: 2e-3,
    warmupSteps: 0,
    weightDecay: 0,
    clip: 0,
  },
};

/**
 * A new model of these settings, its weights drawn with their seed. RangeError if the settings
 * describe none, TypeError for an unknown one.
 *
 * ```ts
 * import { modelOf, openDevice, PRESETS } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * console.log(modelOf({ ...PRESETS.practical, width: 16 }, 100).parameterCount); // 4964
 * device.close();
 * ```
 */
export function modelOf(settings: TrainSettings, vocabSize: number): GPT {
  checkOptions("modelOf", settings, PRESETS.baby);
  const { layers, heads, width, context, dropout, model, feedForwardFactor } = settings;
  const input: ModelConfigInput = {
    ...model,
    vocabSize,
    contextLength: context,
    layers,
    heads,
    width,
    dropout,
    hidden: feedForwardFactor * width,
  };
  const initial = settings.initialWeights === "gpt2"
    ? gpt2Weights(layers)
    : varianceScaledWeights();
  return new GPT(input, new Random(settings.seed), initial);
}
