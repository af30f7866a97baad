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

forEachDevice("a generator that begins another text says so instead of mixing them", async () => {
  const generator = new Generator(decisiveModel());
  const [options, refused] = [
    { maxNewTokens: 40 },
    /one text at a time, and another one was begun/,
  ];
  const first = generator.generate([1, 2], options);
  await first.next();
  const alone = await collect(generator.generate([3], options));
  assert.deepEqual(alone, await collect(new Generator(generator.model).generate([3], options)));
  await assert.rejects(() => collect(first), refused);
  const [one, two] = [generator.generate([1], options), generator.generate([2], options)];
  const both = await Promise.allSettled([one.next(), two.next()]);
  assert.deepEqual(both.map(({ status }) => status), ["fulfilled", "rejected"]);
});

forEachDevice("generation refuses what it cannot do", async () => {
  const generator = new Generator(decisiveModel());
  const refuses = (prompt: number[], options: object, message: RegExp) =>
    assert.rejects(() => collect(generator.generate(prompt, options)), message);
  await refuses([], {}, /prompt is empty/);
  await refuses([23], {}, /ids from 0 to 22, got 23/);
  for (const temperature of [-1, NaN, Infinity]) {
    await refuses([1], { temperature }, /temperature must be from 0 to 1e38, got/);
  }
  // deno-lint-ignore no-sparse-arrays -- a hole is no id
  await refuses([1, , 2] as number[], {}, /ids from 0 to 22, got undefined at index 1/);
  await refuses([1], { topP: 0 }, /topP/);
  await refuses([1], { topK: 1.5 }, /topK/);
  await refuses([1], { maxNewTokens: 0 }, /maxNewTokens/);
});
