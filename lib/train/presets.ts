/**
 * Settings of a training run, and the named sets of them.
 *
 * @module
 */

/** Everything that a run's numbers depend on, besides its corpus. */
export interface TrainSettings {
  /** Blocks. */
  layers: number;
  /** Attention heads; they divide the width. */
  heads: number;
  /** C, the size of a token's vector. */
  width: number;
  /** T, tokens in a sequence. */
  context: number;
  /** B, sequences in a batch. */
  batch: number;
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
  context: 64,
  batch: 12,
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

/** `baby`: nanoGPT's settings for characters on a laptop, minutes on a CPU; `small`: its settings for a GPU. */
export const PRESETS: Readonly<Record<"baby" | "small", TrainSettings>> = {
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
};
