/**
 * Named sets of settings (presets), and the model that settings describe. See settings.ts for each
 * setting.
 *
 * @module
 */
import { checkOptions } from "../options.ts";
import type { ModelConfigInput } from "../nn/config.ts";
import { GPT } from "../nn/gpt.ts";
import { gpt2Weights, varianceScaledWeights } from "../nn/initial_weights.ts";
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
  checkOptions("modelOf", settings, PRESETS.baby);
  const wrong = wrongField(settings, SETTING_RULES);
  if (wrong !== undefined) throw new RangeError(`modelOf: ${wrong}`);
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
  return new GPT(input, { random: new Random(settings.seed), initial });
}
