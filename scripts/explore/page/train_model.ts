/**
 * Trains a small model over characters in the page, and reports as it goes.
 *
 * @module
 */
import {
  AdamW,
  Batches,
  CharacterTokenizer,
  Generator,
  GPT,
  type Tokenizer,
  Trainer,
  UserError,
  warmupDecay,
} from "../../../mod.ts";
import type { EngineEvent, Training } from "./protocol.ts";

/** Milliseconds between two reports, and the most steps between them. */
const REPORT = 250, MOST = 100;
/** Milliseconds between two samples, and a sample's characters. */
const SAMPLE = { milliseconds: 3000, tokens: 120 };

/** What training needs beside its settings. */
export interface Surroundings {
  /** Ends it after the current step. */
  readonly signal: AbortSignal;
  /** Receives losses and samples. */
  readonly send: (event: EngineEvent) => void;
}

/** Trains on the text; returns what there is when the steps are done or the signal stops it. */
export async function trainModel(
  { text, batchSize, steps, learningRate, ...sizes }: Training,
  { signal, send }: Surroundings,
): Promise<{ model: GPT; tokenizer: Tokenizer }> {
  const tokenizer = CharacterTokenizer.fromText(text);
  const ids = tokenizer.encode(text);
  if (ids.length <= sizes.contextLength) {
    throw new UserError(
      `the text has ${ids.length} characters; give more than ${sizes.contextLength}`,
    );
  }
  const model = new GPT({ vocabSize: tokenizer.vocabSize, ...sizes });
  const schedule = warmupDecay({ learningRate, steps, warmupSteps: Math.min(20, steps >> 2) });
  const trainer = new Trainer(model, new AdamW(model.parameters(), { clip: 1 }), {
    learningRate: schedule,
  });
  const { contextLength } = sizes;
  const batches = new Batches(ids, { batchSize, contextLength, seed: 1 });
  const writer = sampler(model, tokenizer, Array.from(ids.subarray(0, 1)));
  let unread = 1; // steps until the next report, as many as fit into its time
  for (let step = 0; step < steps && !signal.aborted;) {
    const start = performance.now();
    const first = step;
    while (step < steps && step < first + unread) {
      trainer.step(batches);
      step++;
    }
    const losses = (await trainer.figures()).map(({ loss }) => loss);
    const seconds = (performance.now() - start) / 1000;
    const fitting = Math.floor((step - first) * REPORT / (1000 * seconds));
    unread = Math.max(1, Math.min(fitting, 2 * unread, MOST));
    const meanLoss = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
    const tokensPerSecond = (step - first) * batchSize * contextLength / seconds;
    send({ kind: "figures", step, batchLoss: losses.at(-1)!, meanLoss, tokensPerSecond });
    if (writer.isDue || step === steps) {
      send({ kind: "sample", step, text: await writer.write(step) });
    }
    await new Promise((resolve) => setTimeout(resolve)); // a stop is a message, too
  }
  return { model, tokenizer };
}

/** Writes a sample from time to time. */
function sampler(model: GPT, tokenizer: Tokenizer, prompt: number[]) {
  const generator = new Generator(model);
  let last = -Infinity;
  return {
    get isDue() {
      return performance.now() - last > SAMPLE.milliseconds;
    },
    async write(seed: number): Promise<string> {
      last = performance.now();
      const maxNewTokens = SAMPLE.tokens;
      const options = { maxNewTokens, temperature: 0.8, seed };
      return tokenizer.decode(await Array.fromAsync(generator.generate(prompt, options)));
    },
  };
}
