/**
 * Perplexity: how well a model predicts a text.
 *
 * See trainer.ts, `evaluate`, for the loss on random batches while training.
 *
 * @module
 */
import { expectLanguageModel } from "../nn/expect_model.ts";
import type { GPT } from "../nn/gpt.ts";
import { IGNORED } from "../ops/cross_entropy.ts";
import { checkOptions } from "../options.ts";
import { expectValue, wholeNumber } from "../rules.ts";
import { compile } from "../tensor/compile.ts";
import { zeros } from "../tensor/tensor.ts";
import { expectIds } from "../token_ids.ts";

/** Options of `perplexity`. */
export interface PerplexityOptions {
  /**
   * Tokens from the start of one window to the start of the next, at most the context length
   * (default): each token is predicted once, from the tokens before it in its window. A smaller
   * stride gives each token more context, and takes longer.
   */
  stride?: number;
  /** Windows computed together. Default 8. */
  batchSize?: number;
}

/** A measure of how well a model predicts a text. */
export interface Perplexity {
  /** exp(loss): the number of equally likely tokens that would surprise as much. */
  readonly perplexity: number;
  /** The mean of −ln p(token) over the predicted tokens, in nats. */
  readonly loss: number;
  /** Number of predicted tokens: all but the first. */
  readonly tokens: number;
}

/**
 * Perplexity: exp of the mean of −ln p(tokens[i] | the tokens before it in its window), for i ≥ 1,
 * without dropout.
 *
 * Source of the windows: Hugging Face, "Perplexity of fixed-length models".
 *
 * ```ts
 * import { GPT, openDevice, perplexity } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 4, layers: 1, heads: 1, width: 16 });
 * console.log(await perplexity(model, [0, 1, 2, 3, 4, 5, 6, 7])); // about 8: it knows nothing yet
 * device.close();
 * ```
 *
 * @throws {RangeError} if there are fewer than two tokens, one is outside the vocabulary, or an
 * option is out of range
 * @throws {TypeError} if an option is unknown
 */
export async function perplexity(
  model: GPT,
  tokens: ArrayLike<number>,
  options: PerplexityOptions = {},
): Promise<Perplexity> {
  expectLanguageModel("perplexity", model);
  checkOptions("perplexity", options, { stride: true, batchSize: true });
  const { textLength: contextLength, config: { vocabSize } } = model;
  expectIds("perplexity", tokens, vocabSize);
  if (tokens.length < 2) {
    throw new RangeError(`perplexity: expected at least two tokens, got ${tokens.length}`);
  }
  const time = Math.min(contextLength, tokens.length - 1);
  const { stride = time, batchSize = 8 } = options;
  expectValue("perplexity: stride", wholeNumber({ min: 1, max: time }), stride);
  expectValue("perplexity: batchSize", wholeNumber({ min: 1, max: 4096 }), batchSize);
  const starts = [0];
  while (starts.at(-1)! + time < tokens.length - 1) starts.push(starts.at(-1)! + stride);
  const rows = Math.min(batchSize, starts.length);
  const { device } = model.tokens.weight;
  const [inputs, targets] = [0, 0].map(() => zeros([rows, time], { dtype: "i32", device }));
  const mean = compile(() => model.loss(inputs, targets));
  let sum = 0;
  try {
    for (let first = 0; first < starts.length; first += rows) {
      const windows = starts.slice(first, first + rows);
      const batch = fillRows(tokens, windows, { rows, time, known: time - stride });
      inputs.write(batch.inputs);
      targets.write(batch.targets);
      sum += batch.counted * await mean().item();
    }
  } finally {
    mean.dispose();
    for (const ids of [inputs, targets]) ids.dispose();
  }
  const loss = sum / (tokens.length - 1);
  return { perplexity: Math.exp(loss), loss, tokens: tokens.length - 1 };
}

/** Windows as rows; targets of an earlier window, and those after the text, are ignored. */
function fillRows(
  tokens: ArrayLike<number>,
  windows: readonly number[],
  { rows, time, known }: { rows: number; time: number; known: number },
): { inputs: Int32Array; targets: Int32Array; counted: number } {
  const inputs = new Int32Array(rows * time);
  const targets = new Int32Array(rows * time).fill(IGNORED);
  let counted = 0;
  windows.forEach((start, row) => {
    const here = Math.min(time, tokens.length - 1 - start);
    for (let t = 0; t < here; t++) {
      inputs[row * time + t] = tokens[start + t];
      if (start > 0 && t < known) continue;
      targets[row * time + t] = tokens[start + t + 1];
      counted++;
    }
  });
  return { inputs, targets, counted };
}
