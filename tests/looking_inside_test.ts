/**
 * Perplexity and the likeliest next tokens, against float64 from the model's logits.
 */
import assert from "node:assert/strict";
import { topNextTokens } from "../lib/generate/top_next_tokens.ts";
import { normal } from "../lib/nn/initializers.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { gpt2Weights } from "../lib/nn/initial_weights.ts";
import { Random } from "../lib/random.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { perplexity } from "../lib/train/perplexity.ts";
import { forEachDevice } from "./support/devices.ts";
import { assertClose } from "./support/gradient_check.ts";

const V = 11, T = 6;
const TEXT = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2];

/** A model with opinions: its token table is large. */
const made = () => {
  const initial = { ...gpt2Weights(1), tokens: normal(1) };
  return new GPT(
    { vocabSize: V, contextLength: T, layers: 1, heads: 2, width: 8 },
    { random: new Random(6), initial },
  );
};

/** softmax(logits / temperature) after each of some tokens. */
async function distributions(model: GPT, tokens: number[], temperature = 1): Promise<number[][]> {
  const ids = tensor(Int32Array.from(tokens), { shape: [1, tokens.length] });
  const logits = [...await model.forward(ids).data()];
  return tokens.map((_, i) => {
    const powers = logits.slice(i * V, (i + 1) * V).map((logit) => Math.exp(logit / temperature));
    const total = powers.reduce((sum, power) => sum + power, 0);
    return powers.map((power) => power / total);
  });
}

/** The mean of −ln p over all tokens but the first, windows beginning `stride` apart. */
async function reference(model: GPT, stride: number): Promise<number> {
  let total = 0, foretold = 0;
  for (let start = 0; foretold < TEXT.length - 1; start += stride) {
    const window = await distributions(model, TEXT.slice(start, start + T));
    const end = Math.min(start + T, TEXT.length - 1);
    while (foretold < end) {
      const known = window[foretold - start];
      total -= Math.log(known[TEXT[++foretold]]);
    }
  }
  assert.equal(foretold, TEXT.length - 1);
  return total / foretold;
}

forEachDevice(
  "perplexity foretells every token once, whatever the stride and the batch",
  async () => {
    const model = made();
    const losses = new Set<number>();
    for (const [stride, batchSize] of [[T, 8], [T, 2], [4, 2], [1, 3]]) {
      const expected = await reference(model, stride);
      const found = await perplexity(model, TEXT, { stride, batchSize });
      assertClose([found.loss], [expected], 1e-5, `stride ${stride}`);
      assertClose([found.perplexity], [Math.exp(expected)], 1e-4);
      assert.equal(found.tokens, TEXT.length - 1);
      losses.add(Math.round(1e4 * found.loss));
    }
    assert.equal(losses.size, 3, "the stride makes no difference");
  },
);

forEachDevice(
  "perplexity of texts as short as two tokens, and of one that says nothing",
  async () => {
    const model = made();
    const [p] = await distributions(model, [3]);
    assertClose([(await perplexity(model, [3, 1])).perplexity], [1 / p[1]], 1e-5);
    const even = new GPT(
      { vocabSize: V, contextLength: T, layers: 1, heads: 2, width: 8 },
      { random: new Random(6), initial: { ...gpt2Weights(1), tokens: normal(0) } },
    );
    assertClose([(await perplexity(even, TEXT)).perplexity], [V], 1e-5);
  },
);

forEachDevice("the likeliest next tokens, in order, at each temperature", async () => {
  const model = made();
  for (const temperature of [0.5, 1, 2]) {
    const expected = (await distributions(model, TEXT.slice(0, 4), temperature))[3];
    const order = [...expected.keys()].sort((a, b) => expected[b] - expected[a]);
    const found = await topNextTokens(model, TEXT.slice(0, 4), { k: 4, temperature });
    assert.deepEqual(found.map(({ id }) => id), order.slice(0, 4));
    const probabilities = found.map(({ probability }) => probability);
    assertClose(probabilities, order.slice(0, 4).map((id) => expected[id]), 1e-5);
  }
  const all = await topNextTokens(model, [1], { k: 99 });
  assert.equal(all.length, V);
  assertClose([all.reduce((sum, { probability }) => sum + probability, 0)], [1], 1e-9);
  const long = await topNextTokens(model, TEXT);
  assert.deepEqual(long, await topNextTokens(model, TEXT.slice(-T)));
});

forEachDevice("looking inside refuses what cannot be", async () => {
  const model = made();
  const cases: [Promise<unknown>, RegExp][] = [
    [perplexity(model, [1]), /perplexity: expected at least two tokens, got 1/],
    [perplexity(model, [1, 11]), /perplexity: expected token ids from 0 to 10, got 11/],
    [perplexity(model, TEXT, { stride: 7 }), /stride must be a whole number from 1 to 6, got 7/],
    [perplexity(model, TEXT, { batchSize: 0 }), /batchSize must be a whole number/],
    [topNextTokens(model, []), /the prompt is empty/],
    [topNextTokens(model, [-1]), /ids from 0 to 10, got -1/],
    [topNextTokens(model, [1], { k: 0 }), /k must be a whole number from 1, got 0/],
    [topNextTokens(model, [1], { temperature: 0 }), /temperature must be above 0, got 0/],
  ];
  for (const [call, message] of cases) await assert.rejects(call, { name: "RangeError", message });
});
