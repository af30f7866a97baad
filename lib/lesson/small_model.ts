/**
 * The model that lessons look into: a GPT trained for seconds on the small language.
 *
 * See small_language.ts for the language; lesson 7 shows training itself.
 *
 * @module
 */
import { Batches } from "../data/batches.ts";
import { GPT } from "../nn/gpt.ts";
import { AdamW } from "../optim/adamw.ts";
import { warmupDecay } from "../optim/schedules.ts";
import { WordTokenizer } from "../text/word_tokenizer.ts";
import { trainingLoop } from "../train/loop.ts";
import { Trainer } from "../train/trainer.ts";
import { smallLanguage } from "./small_language.ts";

/** A trained model of the small language. */
export interface SmallModel {
  /** Two layers of width 48 with four heads, for texts of up to 24 words. */
  readonly model: GPT;
  /** One id for each word. */
  readonly tokenizer: WordTokenizer;
  /** The last training loss, in nats per word. */
  readonly loss: number;
}

/**
 * Trains a model on 1,000 sentences of the small language for `steps` steps of 16 × 24 words: some
 * seconds for 500.
 *
 * ```ts
 * import { openDevice } from "../../mod.ts";
 * import { trainSmallModel } from "./small_model.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const { model, loss } = await trainSmallModel(2);
 * console.log(model, loss); // GPT of 60,000 parameters, about 3.5
 * device.close();
 * ```
 */
export async function trainSmallModel(steps: number): Promise<SmallModel> {
  const text = smallLanguage(1000, 1);
  const tokenizer = WordTokenizer.fromText(text);
  const batches = new Batches(tokenizer.encode(text), {
    batchSize: 16,
    contextLength: 24,
    seed: 1,
  });
  const model = new GPT({
    vocabSize: tokenizer.vocabSize,
    contextLength: 24,
    layers: 2,
    heads: 4,
    width: 48,
  });
  const schedule = warmupDecay({ learningRate: 6e-3, warmupSteps: Math.ceil(steps / 20), steps });
  const optimizer = new AdamW(model.parameters(), { beta2: 0.99 });
  const trainer = new Trainer(model, optimizer, { learningRate: schedule });
  let loss = NaN;
  for await (const event of trainingLoop(trainer, batches, { steps, evalEvery: 0 })) {
    if (event.kind === "figures") loss = event.meanLoss;
  }
  return { model, tokenizer, loss };
}
