import assert from "node:assert/strict";
import { Generator } from "../lib/generate/generator.ts";
import type { GPT } from "../lib/nn/gpt.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { decisiveModel } from "./support/decisive_model.ts";
import { forEachDevice } from "./support/devices.ts";

async function collect(tokens: AsyncGenerator<number>): Promise<number[]> {
  const all: number[] = [];
  for await (const token of tokens) all.push(token);
  return all;
}

/** The likeliest next token of the whole sequence, without a cache. */
async function likeliest(model: GPT, tokens: number[]): Promise<number> {
  const ids = tensor(Int32Array.from(tokens), { shape: [1, tokens.length] });
  const logits = await model.forward(ids).data();
  const last = [...logits.subarray(logits.length - model.config.vocabSize)];
  return last.indexOf(Math.max(...last));
}

for (const positions of ["learned", "sinusoidal", "rotary"] as const) {
  forEachDevice(`greedy text with the cache is that without it (${positions})`, async () => {
    const model = decisiveModel({ positions });
    const prompt = [3, 1, 4, 1, 5];
    const options = { temperature: 0, maxNewTokens: 19 };
    const generated = await collect(new Generator(model).generate(prompt, options));
    const tokens = [...prompt];
    for (let i = 0; i < 19; i++) tokens.push(await likeliest(model, tokens));
    assert.deepEqual(generated, tokens.slice(prompt.length));
  });
}

forEachDevice(
  "the same seed gives the same text, and generation goes on past the context",
  async () => {
    const model = decisiveModel();
    const generator = new Generator(model);
    const options = { temperature: 1.5, topK: 10, topP: 0.95, maxNewTokens: 60, seed: 9 };
    const first = await collect(generator.generate([1, 2], options));
    assert.equal(first.length, 60);
    assert.deepEqual(await collect(generator.generate([1, 2], options)), first);
    const other = await collect(generator.generate([1, 2], { ...options, seed: 10 }));
    assert.notDeepEqual(other, first);
  },
);

forEachDevice("generation stops at the end token and at the signal", async () => {
  const model = decisiveModel();
  const generator = new Generator(model);
  const all = await collect(generator.generate([7], { temperature: 0, maxNewTokens: 10 }));
  const endToken = all[4];
  const ended = await collect(
    generator.generate([7], { temperature: 0, maxNewTokens: 10, endToken }),
  );
  assert.deepEqual(ended, all.slice(0, all.indexOf(endToken)));
  const stop = new AbortController();
  const some: number[] = [];
  for await (const token of generator.generate([7], { temperature: 0, signal: stop.signal })) {
    some.push(token);
    if (some.length === 3) stop.abort();
  }
  assert.deepEqual(some, all.slice(0, 3));
});

forEachDevice("generation refuses what it cannot do", async () => {
  const generator = new Generator(decisiveModel());
  const refuses = (prompt: number[], options: object, message: RegExp) =>
    assert.rejects(() => collect(generator.generate(prompt, options)), message);
  await refuses([], {}, /prompt is empty/);
  await refuses([23], {}, /ids from 0 to 22, got 23/);
  await refuses([1], { temperature: -1 }, /temperature/);
  await refuses([1], { topP: 0 }, /topP/);
  await refuses([1], { topK: 1.5 }, /topK/);
  await refuses([1], { maxNewTokens: 0 }, /maxNewTokens/);
});
