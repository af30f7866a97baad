/**
 * A training step for the benches: a GPT and its trainer on the current device, whose first loss is
 * checked.
 *
 * train_bench.ts, measure_training.ts and peer_folio.ts time it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { GPT } from "../lib/nn/gpt.ts";
import { AdamW } from "../lib/optim/adamw.ts";
import { Random } from "../lib/random.ts";
import { PRESETS } from "../lib/train/presets.ts";
import { Trainer } from "../lib/train/trainer.ts";

/** Sizes of a model and its batch. */
export interface StepSizes {
  layers: number;
  heads: number;
  width: number;
  context: number;
  batch: number;
}

/** V, the characters of Tiny Shakespeare. */
export const VOCABULARY = 65;

/** Ids drawn uniformly from the vocabulary. */
function randomIds(count: number, seed: number): Int32Array {
  const random = new Random(seed);
  return Int32Array.from({ length: count }, () => random.integer(VOCABULARY));
}

/** A model and its trainer with the baby run's optimizer, at a constant rate. */
export function makeTrainer(sizes: StepSizes, vocabSize: number): Trainer {
  const { layers, heads, width, context: contextLength } = sizes;
  const { learningRate, weightDecay, beta1, beta2, clip } = PRESETS.baby;
  const model = new GPT({ vocabSize, contextLength, layers, heads, width });
  const optimizer = new AdamW(model.parameters(), { weightDecay, beta1, beta2, clip });
  return new Trainer(model, optimizer, { learningRate });
}

/** Throws unless a first loss is within 0.2 of ln V, the loss of uniform predictions. */
export function checkFirstLoss(loss: number, vocabSize: number): void {
  assert.ok(
    Math.abs(loss - Math.log(vocabSize)) < 0.2,
    `the first loss is ${loss}, not near ln ${vocabSize}`,
  );
}

/** Creates a trainer fed with random tokens, does one step and checks its loss. */
export async function prepareStep(sizes: StepSizes): Promise<{ trainer: Trainer; run(): void }> {
  const trainer = makeTrainer(sizes, VOCABULARY);
  const { batch: batchSize, context: contextLength } = sizes;
  const tokens = batchSize * contextLength;
  const batch = { inputs: randomIds(tokens, 1), targets: randomIds(tokens, 2) };
  const run = () => trainer.step({ batchSize, contextLength, next: () => batch });
  run();
  checkFirstLoss((await trainer.figures())[0].loss, VOCABULARY);
  return { trainer, run };
}
