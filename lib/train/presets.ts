/**
 * Named sets of settings (presets), and the model that settings describe. See settings.ts for each
 * setting.
 *
 * @module
 */
import { checkOptions } from "../options.ts";
import { type ModelConfig, modelConfig } from "../nn/config.ts";
import { blockMatrices } from "../nn/block_matrices.ts";
import { dropUndefined } from "../nn/block_config.ts";
import { GPT } from "../nn/gpt.ts";
import {
  gpt2Weights,
  type InitialWeights,
  varianceScaledWeights,
  zeroProjectionWeights,
} from "../nn/initial_weights.ts";
import { AdamW } from "../optim/adamw.ts";
import { Muon } from "../optim/muon.ts";
import type { LossScalingOptions, Optimizer } from "../optim/optimizer.ts";
import { Random } from "../random.ts";
import { wrongField } from "../rules.ts";
import { SETTING_RULES, type TrainSettings } from "./settings.ts";

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
export type PresetName = "baby" | "modern" | "small" | "practical";

/**
 * `baby`: nanoGPT's settings for characters on a laptop, minutes on a CPU; `modern`: the same sizes
 * with what speed-runs of small GPTs have found, and Muon; `small`: nanoGPT's settings for a GPU;
 * `practical`: one post-norm block over whole words that passes over its text some forty
 * times and overfits on purpose, as its loss on held-out text shows.
 */
export const PRESETS: Readonly<Record<PresetName, TrainSettings>> = {
  baby: BABY,
  modern: {
    ...BABY,
    model: {
      queryKeyNorm: true,
      positions: "rotary",
      activation: "relu_squared",
      tiedHead: false,
    },
    initialWeights: "zeroProjections",
    optimizer: "muon",
    iterations: 4,
    coefficients: "polar_express",
    learningRate: 0.02,
    minLearningRate: 0,
    warmupSteps: 20,
    decay: "linear",
    decayShare: 0.6,
    momentum: 0.9,
    momentumWarmupSteps: 300,
    weightDecay: 0,
    beta1: 0.9,
    beta2: 0.95,
    clip: 0,
  },
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
 * A new model of these settings; its weights are drawn with their seed.
 *
 * ```ts
 * import { modelOf, openDevice, PRESETS } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * console.log(modelOf({ ...PRESETS.practical, width: 16 }, 100).parameterCount); // 4964
 * device.close();
 * ```
 *
 * @throws {RangeError} if a setting is missing or out of range, or the settings describe no model
 * @throws {TypeError} if a setting is unknown
 */
export function modelOf(settings: TrainSettings, vocabSize: number): GPT {
  checkOptions("modelOf", settings, SETTING_RULES);
  const wrong = wrongField(settings, SETTING_RULES);
  if (wrong !== undefined) throw new RangeError(`modelOf: ${wrong}`);
  const initial = INITIAL_WEIGHTS[settings.initialWeights](settings.layers);
  const random = new Random(settings.seed);
  return new GPT(modelConfigOf(settings, vocabSize), { random, initial });
}

/**
 * The configuration of the model of these settings: a check of them that costs nothing.
 *
 * ```ts
 * import { modelConfigOf, PRESETS } from "../../mod.ts";
 * console.log(modelConfigOf(PRESETS.baby, 65).hidden); // 512
 * ```
 *
 * @throws {RangeError} if the settings describe no model
 */
export function modelConfigOf(settings: TrainSettings, vocabSize: number): ModelConfig {
  const { layers, heads, width, context, dropout, model, feedForwardFactor } = settings;
  return modelConfig({
    ...model,
    vocabSize,
    contextLength: context,
    layers,
    heads,
    width,
    dropout,
    hidden: feedForwardFactor * width,
  });
}

const INITIAL_WEIGHTS: Readonly<
  Record<TrainSettings["initialWeights"], (layers: number) => InitialWeights>
> = {
  gpt2: gpt2Weights,
  varianceScaled: varianceScaledWeights,
  zeroProjections: zeroProjectionWeights,
};

/**
 * A new optimizer of these settings, for a model that they describe. `lossScaling` is for AdamW in
 * half precision; Muon has none.
 *
 * ```ts
 * import { modelOf, openDevice, optimizerOf, PRESETS } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const settings = { ...PRESETS.modern, width: 16 };
 * const model = modelOf(settings, 65);
 * console.log(optimizerOf(settings, model).constructor.name); // Muon
 * device.close();
 * ```
 */
export function optimizerOf(
  settings: TrainSettings,
  model: GPT,
  { lossScaling = false }: LossScalingOptions = {},
): Optimizer {
  const { optimizer = "adamw", adamWShare, momentum, momentumWarmupSteps } = settings;
  const { iterations, coefficients, beta1, beta2, weightDecay, clip, average } = settings;
  const options = { beta1, beta2, weightDecay, clip, average };
  if (optimizer === "adamw") return new AdamW(model.parameters(), { ...options, lossScaling });
  const matrices = blockMatrices(model);
  const muon = { matrices, adamWShare, momentum, momentumWarmupSteps, iterations, coefficients };
  return new Muon(model.parameters(), { ...options, ...dropUndefined(muon) });
}
