/**
 * What a model expects next: the likeliest tokens after a text, with their probabilities.
 *
 * See generator.ts to draw one of them, lib/plot/next_token.ts for a figure.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { ForwardContext } from "../nn/context.ts";
import { expectLanguageModel } from "../nn/expect_model.ts";
import type { GPT } from "../nn/gpt.ts";
import { checkOptions } from "../options.ts";
import { scope } from "../tensor/scope.ts";
import { slice } from "../ops/slice.ts";
import { tensor } from "../tensor/tensor.ts";
import { expectPrompt, expectWhole } from "./options.ts";

/** Options of `topNextTokens`. */
export interface TopNextTokensOptions {
  /** How many tokens, the likeliest first; at most all are returned. Default 10. */
  k?: number;
  /** Logits are divided by it: below 1 sharpens, above 1 flattens. Default 1. */
  temperature?: number;
}

/** A candidate for the next token. */
export interface NextToken {
  /** Its id. */
  readonly id: number;
  /** softmax(logits / temperature) at the id, over the whole vocabulary. */
  readonly probability: number;
}

/**
 * The `k` likeliest tokens after `tokens`, [T] ids, the likeliest first; of equal ones the lower
 * id. The model reads the end of a text that is longer than its context.
 *
 * ```ts
 * import { GPT, openDevice, topNextTokens } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 16, layers: 1, heads: 2, width: 16 });
 * const next = await topNextTokens(model, [1, 2, 3], { k: 3, temperature: 0.5 });
 * console.log(next); // [{ id, probability }, …]
 * device.close();
 * ```
 *
 * @throws {RangeError} if there is no token, one is outside the vocabulary, `k` is below 1, or the
 * temperature is not above 0
 * @throws {TypeError} if `tokens` is no list of ids, or an option is unknown
 */
export async function topNextTokens(
  model: GPT,
  tokens: ArrayLike<number>,
  options: TopNextTokensOptions = {},
): Promise<NextToken[]> {
  expectLanguageModel("topNextTokens", model);
  checkOptions("topNextTokens", options, { k: true, temperature: true });
  const { k = 10, temperature = 1 } = options;
  const { textLength: contextLength, config: { vocabSize } } = model;
  expectPrompt("topNextTokens", tokens, vocabSize);
  expectWhole("topNextTokens", "k", k, 1);
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    throw new RangeError(
      `topNextTokens: temperature must be above 0, got ${describe(temperature)}`,
    );
  }
  const ids = Int32Array.from(Array.from(tokens).slice(-contextLength));
  const { device } = model.tokens.weight;
  const last = scope(() => {
    const context = new ForwardContext({ lastOnly: !model.isHooked }); // hooks see all positions
    const logits = model.forward(tensor(ids, { shape: [1, ids.length], device }), context);
    return slice(logits, { axis: 1, start: -1 });
  });
  const logits = Array.from(await last.data());
  last.dispose();
  const largest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity);
  const powers = logits.map((logit) => Math.exp((logit - largest) / temperature));
  const total = powers.reduce((sum, power) => sum + power, 0);
  const probabilities = powers.map((power, id) => ({ id, probability: power / total }));
  return probabilities.sort((a, b) => b.probability - a.probability).slice(0, k);
}
