/** Beam search against trying every continuation. */
import assert from "node:assert/strict";
import { generate } from "../lib/generate/generate.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { drawMatrices } from "./support/draw_matrices.ts";
import { forEachDevice } from "./support/devices.ts";

const V = 4;

function makeModel(contextLength = 16): GPT {
  const shape = { vocabSize: V, contextLength, layers: 1, heads: 2, width: 16 };
  return drawMatrices(new GPT(shape), 0.5, 2);
}

/**
 * Log-probabilities of what follows a prefix, in float64 from the model's logits without a cache.
 */
async function logProbabilities(model: GPT, prefix: number[]): Promise<number[]> {
  const ids = tensor(Int32Array.from(prefix), { shape: [1, prefix.length] });
  const row = [...(await model.forward(ids).data()).slice(-V)];
  const logSum = Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0));
  return row.map((x) => x - logSum);
}

interface Text {
  tokens: number[];
  score: number;
}

/** Every text of at most `most` tokens, ended by `end` or full. */
async function allTexts(
  model: GPT,
  prompt: number[],
  { most, end, penalty }: { most: number; end: number; penalty: number },
): Promise<Text[]> {
  const texts: Text[] = [];
  const grow = async (tokens: number[], sum: number) => {
    if (tokens.length === most) {
      texts.push({ tokens, score: sum / tokens.length ** penalty });
      return;
    }
    const next = await logProbabilities(model, [...prompt, ...tokens]);
    for (let token = 0; token < V; token++) {
      const total = sum + next[token];
      if (token === end) texts.push({ tokens, score: total / (tokens.length + 1) ** penalty });
      else await grow([...tokens, token], total);
    }
  };
  await grow([], 0);
  return texts.sort((a, b) => b.score - a.score);
}

for (const penalty of [1, 0, 2]) {
  forEachDevice(
    `enough beams find the best texts there are (length penalty ${penalty})`,
    async () => {
      const model = makeModel();
      const [prompt, end, most] = [[1, 2], 3, 4];
      const all = await allTexts(model, prompt, { most, end, penalty });
      const found = await generate(model, [prompt], {
        beams: 64,
        sequences: 5,
        maxNewTokens: most,
        endToken: end,
        lengthPenalty: penalty,
        earlyStopping: "never",
      });
      found.forEach(({ tokens, score }, i) => {
        assert.deepEqual(tokens, all[i].tokens);
        assert.ok(Math.abs(score! - all[i].score) < 1e-5);
      });
    },
  );
}

/** Beam search over whole prefixes, without a cache. */
async function plainBeams(model: GPT, prompt: number[], beams: number, most: number) {
  let kept: { tokens: number[]; sum: number }[] = [{ tokens: [], sum: 0 }];
  for (let step = 0; step < most; step++) {
    const grown = [];
    for (const { tokens, sum } of kept) {
      const next = await logProbabilities(model, [...prompt, ...tokens]);
      grown.push(...next.map((p, token) => ({ tokens: [...tokens, token], sum: sum + p })));
    }
    kept = grown.sort((a, b) => b.sum - a.sum).slice(0, beams);
  }
  return kept;
}

forEachDevice("few beams keep the likeliest prefixes at each step, up to the context", async () => {
  const model = makeModel(12);
  const prompt = [2, 0, 1];
  const expected = await plainBeams(model, prompt, 3, 10);
  const options = { beams: 3, sequences: 3, maxNewTokens: 40, scores: true };
  const found = await generate(model, [prompt, [1]], options);
  assert.deepEqual(found.map(({ prompt, sequence }) => [prompt, sequence]), [
    ...[[0, 0], [0, 1], [0, 2]],
    ...[[1, 0], [1, 1], [1, 2]],
  ]);
  expected.forEach(({ tokens, sum }, i) => {
    assert.deepEqual(found[i].tokens, tokens);
    assert.equal(found[i].finishReason, "context");
    assert.ok(Math.abs(found[i].scores!.reduce((a, b) => a + b, 0) - sum) < 1e-4);
    assert.ok(Math.abs(found[i].score! - sum / 10) < 1e-5);
  });
  const greedy = await generate(model, prompt, { beams: 1, temperature: 0, maxNewTokens: 5 });
  const [likeliest] = await plainBeams(model, prompt, 1, 5);
  assert.deepEqual(greedy.tokens, likeliest.tokens);
});

forEachDevice("rules hold in beams; early stopping ends with as many texts as beams", async () => {
  const model = makeModel();
  const ruled = await generate(model, [1], { beams: 3, maxNewTokens: 3, noRepeatNgram: 1 });
  assert.equal(new Set([1, ...ruled.tokens]).size, 4);
  const options = { beams: 2, sequences: 2, maxNewTokens: 12, endToken: 3 };
  const early = await generate(model, [[1]], { ...options, earlyStopping: true });
  assert.ok(early.every(({ finishReason }) => finishReason === "end"));
  const held = await generate(model, [[1]], { ...options, earlyStopping: true, minNewTokens: 6 });
  for (const { tokens } of held) assert.ok(tokens.length >= 6 && !tokens.includes(3));
});

forEachDevice("rules that forbid every token end beams with what is there", async () => {
  const model = makeModel();
  const rules = { beams: 3, sequences: 2, maxNewTokens: 12, noRepeatNgram: 1, scores: true };
  for (const [prompt, rest] of [[[0, 1, 2, 3], 0], [[0, 1], 2], [[2], 3]] as const) {
    const found = await generate(model, [prompt], rules);
    assert.equal(found.length, rest === 0 ? 1 : 2);
    for (const { tokens, scores, finishReason } of found) {
      assert.deepEqual([tokens.length, scores?.length, finishReason], [rest, rest, "forbidden"]);
      assert.equal(new Set([...prompt, ...tokens]).size, V);
    }
  }
  const only = await generate(model, [0], { beams: 2, noRepeatNgram: 1, endToken: 3 });
  assert.equal(only.finishReason, "end");
});

forEachDevice("searches leave no memory in use", async (device) => {
  const model = makeModel();
  const search = () => generate(model, [1], { beams: 3, maxNewTokens: 4, noRepeatNgram: 2 });
  await search();
  const { used } = device.memory();
  for (let i = 0; i < 5; i++) await search();
  assert.equal(device.memory().used, used);
});
