/**
 * Perplexity: how well a model foretells a text.
 *
 * Loss on random batches while training is trainer.ts's `evaluate`.
 *
 * @module
 */
import type { GPT } from "../nn/gpt.ts";
import { compile } from "../tensor/compile.ts";
import { zeros } from "../tensor/tensor.ts";

/** Options of `perplexity`. */
export interface PerplexityOptions {
  /**
   * Tokens from the beginning of one window to that of the next, at most the context length, which
   * is the default: every token is foretold once, from what its window shows before it. Smaller
   * strides show each token more, and take longer.
   */
  stride?: number;
  /** Windows computed at once. Default 8. */
  batchSize?: number;
}

/** How well a text was foretold. */
export interface Perplexity {
  /** exp(loss): the number of equally likely tokens that would surprise as much. */
  readonly perplexity: number;
  /** The mean of −ln p(token) over the tokens that were foretold, in nats. */
  readonly loss: number;
  /** How many tokens were foretold: all but the first. */
  readonly tokens: number;
}

/** The target that counts for nothing. */
const IGNORED = -100;

/**
 * exp of the mean of −ln p(tokens[i] | what stands before it in its window), i from 1 on. No
 * dropout.
 *
 * RangeError for fewer than two tokens, one outside the vocabulary, or an option out of range.
 * Source of the windows: Hugging Face, "Perplexity of fixed-length models".
 *
 * ```ts
 * import { GPT, openDevice, perplexity } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 4, layers: 1, heads: 1, width: 16 });
 * console.log(await perplexity(model, [0, 1, 2, 3, 4, 5, 6, 7])); // about 8: it knows nothing yet
 * device.close();
 * ```
 */
export async function perplexity(
  model: GPT,
  tokens: ArrayLike<number>,
  options: PerplexityOptions = {},
): Promise<Perplexity> {
  const { vocabSize, contextLength } = model.config;
  const time = Math.min(contextLength, tokens.length - 1);
  const { stride = time, batchSize = 8 } = options;
  expectTokens(tokens, vocabSize);
  for (const [name, value, most] of [["stride", stride, time], ["batchSize", batchSize, 4096]]) {
    if (Number.isInteger(value) && Number(value) >= 1 && value <= most) continue;
    throw new RangeError(
      `perplexity: ${name} must be a whole number from 1 to ${most}, got ${value}`,
    );
  }
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

/**
 * Windows as rows; targets that an earlier window had, and those beyond the text, count for
 * nothing.
 */
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

function expectTokens(tokens: ArrayLike<number>, vocabSize: number): void {
  if (tokens.length < 2) {
    throw new RangeError(`perplexity: expected at least two tokens, got ${tokens.length}`);
  }
  const wrong = Array.from(tokens).find((id) =>
    !(Number.isInteger(id) && id >= 0 && id < vocabSize)
  );
  if (wrong === undefined) return;
  throw new RangeError(`perplexity: expected ids from 0 to ${vocabSize - 1}, got ${wrong}`);
}
