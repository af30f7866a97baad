/**
 * Training steps and generation of whole models.
 *
 * @module
 */
import type { WebGpuDevice } from "../../lib/device/webgpu/webgpu_device.ts";
import { Generator } from "../../lib/generate/generator.ts";
import type { GPT } from "../../lib/nn/gpt.ts";
import { Random } from "../../lib/random.ts";
import { bestSeconds } from "../best_seconds.ts";
import { bytesOfWeights } from "../generation.ts";
import { summary } from "../results.ts";
import type { Roofline } from "../roofline.ts";
import { checkFirstLoss, makeTrainer, type StepSizes } from "../training_step.ts";
import type { Sections } from "./sections.ts";

interface ModelSizes extends StepSizes {
  vocabSize: number;
}

/** The presets `baby` and `small`, and GPT-2 124M. */
export const MODELS: Readonly<Record<string, ModelSizes>> = {
  baby: { layers: 4, heads: 4, width: 128, context: 64, batch: 12, vocabSize: 65 },
  small: { layers: 6, heads: 6, width: 384, context: 256, batch: 64, vocabSize: 65 },
  "GPT-2 124M": { layers: 12, heads: 12, width: 768, context: 1024, batch: 8, vocabSize: 50257 },
};

/** A tiny model for quick runs. */
const QUICK: ModelSizes = { layers: 1, heads: 2, width: 32, context: 32, batch: 2, vocabSize: 65 };

/** The first step with its pipelines, then steps one after the other; returns the model. */
export async function measureSteps(
  sections: Sections,
  device: WebGpuDevice,
  name: string,
): Promise<GPT> {
  const sizes = sections.size(MODELS[name], QUICK);
  const { batch: batchSize, context: contextLength, vocabSize } = sizes;
  const began = performance.now();
  const trainer = makeTrainer(sizes, vocabSize);
  const random = new Random(1);
  const draw = () =>
    Int32Array.from({ length: batchSize * contextLength }, () => random.integer(vocabSize));
  const batch = { inputs: draw(), targets: draw() };
  const step = () => trainer.step({ batchSize, contextLength, next: () => batch });
  const prepared = performance.now();
  step();
  const [{ loss }] = await trainer.figures();
  const first = performance.now();
  checkFirstLoss(loss, vocabSize);
  const seconds = await bestSeconds(device, step, sections.size(2, 0));
  await trainer.figures();
  const times: number[] = [];
  for (let i = 0; i < sections.size(10, 2); i++) {
    const start = performance.now();
    step();
    await trainer.figures();
    times.push(performance.now() - start);
  }
  sections.add(name, {
    "ms a step": 1e3 * seconds,
    "tokens/s": Math.round(batchSize * contextLength / seconds),
    "ms with its loss read": summary(times).median,
    "ms to make the model": prepared - began,
    "ms of the first step": first - prepared,
    "first loss": loss,
  });
  sections.note({ memory: trainer.memoryReport() });
  return trainer.model;
}

const FILTERS = {
  greedy: { temperature: 0 },
  "top-k": { temperature: 1, topK: 40 },
  "top-k and top-p": { temperature: 1, topK: 40, topP: 0.95 },
};

/**
 * Tokens a second of one sequence, its short prompt included, and the rate at which the weights are
 * read.
 */
export async function measureGeneration(
  sections: Sections,
  name: string,
  model: GPT,
  limits: Roofline | undefined,
): Promise<void> {
  const generator = new Generator(model);
  const count = sections.size(Math.min(128, model.config.contextLength - 8), 6);
  for (const [how, options] of Object.entries(FILTERS)) {
    const write = () =>
      Array.fromAsync(generator.generate([1, 2, 3, 4], { ...options, maxNewTokens: count }));
    await write(); // makes the pipelines
    const start = performance.now();
    await write();
    const seconds = (performance.now() - start) / 1e3 / count;
    const rate = bytesOfWeights(model) / seconds;
    sections.add(`${name}, ${how}`, {
      "tokens/s": 1 / seconds,
      "GB/s of weights": rate / 1e9,
      "share of bandwidth": limits ? rate / limits.bytes : NaN,
    });
  }
}
