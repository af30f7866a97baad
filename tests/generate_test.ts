import assert from "node:assert/strict";
import { generate } from "../lib/generate/generate.ts";
import type { GenerationOptions, TokenEvent } from "../lib/generate/generation.ts";
import { Generator } from "../lib/generate/generator.ts";
import { quantize } from "../lib/nn/quantize.ts";
import { normal } from "../lib/nn/initializers.ts";
import { SGD } from "../lib/optim/sgd.ts";
import { Random } from "../lib/random.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { BytePairTokenizer } from "../lib/text/byte_pair_tokenizer.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { decisiveModel } from "./support/decisive_model.ts";
import { forEachDevice } from "./support/devices.ts";

const PROMPTS = [[3, 1, 4, 1, 5, 9, 2, 6], [2], [7, 1, 8], [2, 7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5]];

for (const positions of ["learned", "rotary"] as const) {
  forEachDevice(
    `each prompt of a ragged batch gets what it gets alone (${positions})`,
    async () => {
      // An odd context makes rows of the cache that are not aligned by themselves; 30 tokens go
      // beyond it.
      const model = decisiveModel({ positions, contextLength: 23 });
      for (
        const options of [
          { temperature: 0, maxNewTokens: 30, scores: true },
          { temperature: 1.2, topK: 12, topP: 0.9, seed: 4, maxNewTokens: 30 },
          { temperature: 1, repetitionPenalty: 1.4, noRepeatNgram: 2, seed: 1, maxNewTokens: 14 },
        ]
      ) {
        const batch = await generate(model, PROMPTS, options);
        assert.deepEqual(batch.map(({ prompt }) => prompt), [0, 1, 2, 3]);
        for (const [row, prompt] of PROMPTS.entries()) {
          const alone = await generate(model, prompt, options);
          assert.deepEqual(batch[row].tokens, alone.tokens, `row ${row}`);
          alone.scores?.forEach((score, i) => {
            assert.ok(Math.abs(score - batch[row].scores![i]) < 1e-4);
          });
        }
      }
    },
  );
}

forEachDevice("one prompt gives what Generator gives, also past the context", async () => {
  const model = decisiveModel();
  const options = { temperature: 1.3, topK: 9, topP: 0.95, seed: 8, maxNewTokens: 50 };
  const generated = await generate(model, [1, 2, 3], options);
  const tokens = await Array.fromAsync(new Generator(model).generate([1, 2, 3], options));
  assert.deepEqual(generated.tokens, tokens);
  assert.equal(generated.finishReason, "length");
  assert.equal(generated.text, undefined);
});

forEachDevice("weights that were replaced count in the next call", async () => {
  const model = decisiveModel();
  const options = { temperature: 0, maxNewTokens: 8, scores: true };
  const before = await generate(model, [1, 2, 3], options);
  await quantize(model);
  const after = await generate(model, [1, 2, 3], options);
  const [again] = await generate(model, [[1, 2, 3], [4]], options);
  assert.notDeepEqual(after.scores, before.scores);
  assert.deepEqual(again.tokens, after.tokens);
});

forEachDevice("an optimizer made after a text counts in the next one", async () => {
  const model = decisiveModel();
  const generator = new Generator(model);
  const options = { temperature: 0, maxNewTokens: 6 };
  const streamed = () => Array.fromAsync(generator.generate([1, 2, 3], options));
  await generate(model, [1, 2, 3], options);
  await streamed();
  const optimizer = new SGD(model.parameters());
  const random = new Random(11);
  const gradients = model.parameters().map(({ shape }) =>
    tensor(normal(0.3)(shape, random), { shape })
  );
  optimizer.step(gradients, 1);
  const { tokens } = await generate(model, [1, 2, 3], options);
  const fresh = await Array.fromAsync(new Generator(model).generate([1, 2, 3], options));
  assert.deepEqual(tokens, fresh);
  assert.deepEqual(await streamed(), fresh);
});

forEachDevice("left padding is left out by the mask", async () => {
  const model = decisiveModel();
  const options = { temperature: 0, maxNewTokens: 6 };
  const ids = [[3, 1, 4, 1], [0, 0, 7, 1]];
  const attentionMask = [[1, 1, 1, 1], [0, 0, 1, 1]];
  const padded = await generate(model, ids, { ...options, attentionMask });
  const plain = await generate(model, [[3, 1, 4, 1], [7, 1]], options);
  assert.deepEqual(padded, plain);
  await assert.rejects(
    generate(model, ids, { attentionMask: [[1], [1]] }),
    /prompt 0 has 4 tokens and a mask of 1/,
  );
  await assert.rejects(
    generate(model, ids, { attentionMask: [[1, 1, 1, 1]] }),
    new RangeError("generate: expected an attentionMask for each of 2 prompts, got 1"),
  );
  const tokenizer = CharacterTokenizer.fromText("to be or not");
  await assert.rejects(
    generate(model, ["to", "be"], { tokenizer, attentionMask: [[1, 1], [1, 1]] }),
    new TypeError("generate: attentionMask is for prompts of ids, got a text as prompt"),
  );
});

forEachDevice("sequences of one prompt differ, and the first is that of a single one", async () => {
  const model = decisiveModel();
  const options = { temperature: 1.5, seed: 3, maxNewTokens: 12 };
  const several = await generate(model, PROMPTS.slice(0, 2), { ...options, sequences: 3 });
  assert.deepEqual(several.map(({ prompt, sequence }) => [prompt, sequence]), [
    ...[[0, 0], [0, 1], [0, 2]],
    ...[[1, 0], [1, 1], [1, 2]],
  ]);
  assert.equal(new Set(several.map(({ tokens }) => tokens.join())).size, 6);
  const single = await generate(model, PROMPTS.slice(0, 2), options);
  assert.deepEqual(several[0].tokens, single[0].tokens);
  assert.deepEqual(several[3].tokens, single[1].tokens);
});

forEachDevice("scores are the log-probabilities of the model", async () => {
  const model = decisiveModel();
  const prompt = [5, 6];
  const rules = { repetitionPenalty: 2, temperature: 0.7, topK: 3 };
  const { tokens, scores } = await generate(model, prompt, {
    ...rules,
    scores: true,
    maxNewTokens: 10,
  });
  const ids = Int32Array.from([...prompt, ...tokens]);
  const logits = await model.forward(tensor(ids, { shape: [1, ids.length] })).data();
  tokens.forEach((token, i) => {
    const row = [...logits.subarray((i + 1) * 23, (i + 2) * 23)];
    const logSum = Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0));
    assert.ok(Math.abs(scores![i] - (row[token] - logSum)) < 1e-4);
  });
});

forEachDevice("rules change the text as they say", async () => {
  const model = decisiveModel();
  const greedy = { temperature: 0, maxNewTokens: 20 };
  const plain = await generate(model, [7], greedy);
  const other = await generate(model, [7], { ...greedy, noRepeatNgram: 1 });
  assert.equal(new Set([7, ...other.tokens]).size, 21); // 23 tokens, none twice
  const pairs = await generate(model, [7], { ...greedy, noRepeatNgram: 2 });
  const runs = [7, ...pairs.tokens].map((token, i, all) => `${token},${all[i + 1]}`).slice(0, -1);
  assert.equal(new Set(runs).size, runs.length);
  const endToken = plain.tokens[2];
  const at = plain.tokens.indexOf(endToken);
  const ended = await generate(model, [7], { ...greedy, endToken });
  assert.deepEqual([ended.tokens, ended.finishReason], [plain.tokens.slice(0, at), "end"]);
  const later = await generate(model, [7], { ...greedy, endToken, minNewTokens: 9 });
  assert.ok(later.tokens.length >= 9 && !later.tokens.includes(endToken));
  const echo = await generate(model, [7], { ...greedy, echo: true });
  assert.deepEqual(echo.tokens, [7, ...plain.tokens]);
});

forEachDevice("rules that forbid every token end a text with what is there", async () => {
  const model = decisiveModel({ vocabSize: 3 });
  const rules = { temperature: 0.7, noRepeatNgram: 1, maxNewTokens: 40, scores: true };
  const texts = await generate(model, [[0, 1, 2], [0], [1, 2]], rules);
  assert.deepEqual(texts.map(({ finishReason }) => finishReason), Array(3).fill("forbidden"));
  assert.deepEqual(texts.map(({ tokens }) => [...tokens].sort()), [[], [1, 2], [0]]);
  for (const { tokens, scores } of texts) assert.equal(scores?.length, tokens.length);
  // Only end tokens are left, and those are suppressed.
  const early = { ...rules, endToken: 2, minNewTokens: 9 };
  for (const temperature of [0, 1]) {
    const { tokens, finishReason } = await generate(model, [0], { ...early, temperature });
    assert.deepEqual([tokens, finishReason], [[1], "forbidden"]);
  }
  const seen: number[] = [];
  const options = { ...rules, onToken: ({ token }: TokenEvent) => seen.push(token) };
  const { tokens } = await generate(model, [0], options);
  assert.deepEqual(seen, tokens);
});

forEachDevice("a text ends at the context length if the option says so", async () => {
  const model = decisiveModel();
  const options = { temperature: 0, maxNewTokens: 60, overflow: "stop" } as const;
  const generated = await generate(model, [PROMPTS[0], PROMPTS[1]], options);
  // The last token needs no position.
  assert.deepEqual(generated.map(({ tokens }) => tokens.length), [24 - 8 + 1, 24]);
  assert.deepEqual(generated.map(({ finishReason }) => finishReason), ["context", "context"]);
  const long = Array.from({ length: 24 }, () => 1);
  await assert.rejects(generate(model, long, options), /no room in a context of 24/);
  await assert.rejects(generate(model, long, { beams: 2 }), /no room in a context of 24/);
});

const tokenizer = new CharacterTokenizer([..."abcdefghijklmnopqrstuvw"]);

forEachDevice("text in, text out, cut at stop strings, streamed in order", async () => {
  const model = decisiveModel();
  const options = { temperature: 0, maxNewTokens: 16, tokenizer };
  const { text } = await generate(model, "dbe", options);
  assert.ok(text?.length === 16);
  const collect = async (changes: GenerationOptions) => {
    const events: TokenEvent[] = [];
    const generated = await generate(model, "dbe", {
      ...options,
      ...changes,
      onToken: (event) => events.push(event),
    });
    assert.deepEqual(events.map(({ token }) => token), generated.tokens);
    assert.equal(events.map(({ text }) => text).join(""), generated.text);
    return generated;
  };
  const word = text.slice(6, 9);
  const stopped = await collect({ stop: ["zzz", word] });
  assert.equal(stopped.text, text.slice(0, text.indexOf(word)));
  assert.equal(stopped.finishReason, "stop");
  const run = [...tokenizer.encode(word)];
  const byTokens = await collect({ stop: [run] });
  assert.equal(byTokens.text, text.slice(0, text.indexOf(word)));
  const never = await collect({ stop: text.slice(14) + "?" });
  assert.deepEqual([never.text, never.finishReason], [text, "length"]);
});

const END = "<|endoftext|>";

/** Six letters and one special token, which is 6. */
const letters = new BytePairTokenizer({
  tokens: [..."abcdef", END],
  merges: [],
  addedTokens: [{ content: END, id: 6, special: true }],
});

forEachDevice("a special token in stop is that token, alone or in a run", async () => {
  const model = decisiveModel({ vocabSize: 7 });
  const options = { tokenizer: letters, maxNewTokens: 40, temperature: 2, endToken: [], seed: 3 };
  const { tokens, text } = await generate(model, "a", options);
  assert.ok(!text!.includes(END));
  const at = tokens.findIndex((id, i) => id === 6 && i > 0 && tokens[i + 1] < 6);
  const first = tokens.indexOf(6);
  assert.ok(at >= first && first > 0);
  const stopped = await generate(model, "a", { ...options, stop: END });
  assert.deepEqual([stopped.tokens, stopped.finishReason], [tokens.slice(0, first), "stop"]);
  const around = "abcdef"[tokens[at - 1]] + END + "abcdef"[tokens[at + 1]];
  const run = await generate(model, "a", { ...options, stop: ["never", around] });
  assert.deepEqual([run.tokens, run.finishReason], [tokens.slice(0, at - 1), "stop"]);
});

forEachDevice("ids without a token are never chosen, and are no text", async () => {
  const model = decisiveModel({ vocabSize: 20 });
  const without = (tokens: readonly number[]) => tokens.filter((id) => id > 6).length;
  const sampling = { maxNewTokens: 30, seed: 1, endToken: [] };
  for (const rules of [{}, { topK: 12 }, { repetitionPenalty: 1.3 }, { scores: true }]) {
    const options = { ...sampling, ...rules };
    const { tokens, text } = await generate(model, [0], { ...options, tokenizer: letters });
    assert.equal(without(tokens), 0);
    assert.equal(text, letters.decode(tokens, { skipSpecialTokens: true }));
    const all = await generate(model, [0], options);
    assert.ok(without(all.tokens) > 0);
    assert.ok(!letters.decode(all.tokens).includes("undefined"));
  }
  const options = { beams: 4, sequences: 4, maxNewTokens: 6, endToken: [], tokenizer: letters };
  for (const { tokens } of await generate(model, [[0]], options)) assert.equal(without(tokens), 0);
  // Unless such an id ends the text.
  const endToken = Array.from({ length: 13 }, (_, i) => 7 + i);
  const ended = await generate(model, [0], { ...sampling, tokenizer: letters, endToken });
  assert.equal(ended.finishReason, "end");
});

forEachDevice("the signal ends all texts", async () => {
  const model = decisiveModel();
  const controller = new AbortController();
  let count = 0;
  const generated = await generate(model, PROMPTS, {
    signal: controller.signal,
    onToken: () => ++count === 5 && controller.abort(),
  });
  for (const { finishReason, tokens } of generated) {
    assert.equal(finishReason, "aborted");
    assert.ok(tokens.length <= 4);
  }
});

forEachDevice("one prompt gives one result, an array of prompts an array", async () => {
  const model = decisiveModel();
  const options = { maxNewTokens: 3, temperature: 0 };
  const one = await generate(model, [1, 2], options);
  const typed = await generate(model, Int32Array.of(1, 2), options);
  const [only] = await generate(model, [[1, 2]], options);
  assert.equal(one.tokens.length, 3);
  assert.deepEqual(typed, one);
  assert.deepEqual(only, one);
  assert.equal((await generate(model, [Int32Array.of(1), [2]], options)).length, 2);
});

forEachDevice("a timer fires while tokens are generated", async () => {
  const model = decisiveModel();
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), 20);
  const options = { signal: controller.signal, maxNewTokens: 1_000_000 };
  const { finishReason } = await generate(model, [1], options);
  clearTimeout(timer);
  assert.equal(finishReason, "aborted");
});

forEachDevice("a timer comes through while a long prompt is read, and ends it", async (device) => {
  const model = decisiveModel({ vocabSize: 50, contextLength: 1024, layers: 8, width: 128 });
  const prompt = Array.from({ length: 1000 }, (_, i) => i % 50);
  for (const options of [{}, { beams: 2 }]) {
    const signal = AbortSignal.timeout(0);
    const { tokens, finishReason } = await generate(model, prompt, { ...options, signal });
    assert.deepEqual([tokens, finishReason], [[], "aborted"]);
  }
  await generate(model, prompt, { maxNewTokens: 1 });
  const { used } = device.memory(); // with the programs of a whole call
  const signal = AbortSignal.timeout(0);
  await generate(model, [prompt, [1]], { sequences: 2, signal });
  await generate(model, prompt, { signal: AbortSignal.timeout(0) });
  assert.ok(device.memory().used <= used, "memory of the prompt is left");
  const short = { maxNewTokens: 3, temperature: 0 };
  const after = await generate(model, [1, 2, 3], short);
  assert.deepEqual(after, await generate(decisiveModel(model.config), [1, 2, 3], short));
});

forEachDevice("what cannot be is refused", async () => {
  const model = decisiveModel();
  const refuses = (options: GenerationOptions, message: RegExp) =>
    assert.rejects(generate(model, [1], options), message);
  await assert.rejects(generate(model, []), /prompt is empty/);
  await assert.rejects(generate(model, [[1], []]), /prompt is empty/);
  await assert.rejects(generate(model, [[1], [23]]), /ids from 0 to 22, got 23/);
  await assert.rejects(generate(model, "text"), /needs the option tokenizer/);
  await refuses({ stop: "x" }, /needs the option tokenizer/);
  await refuses({ stop: [[]] }, /empty text or sequence/);
  await refuses({ endToken: 99 }, /got 99/);
  await refuses({ minP: 2 }, /minP/);
  await refuses({ topP: 0 }, /topP/);
  await refuses({ sequences: 0 }, /sequences/);
  for (const seed of [NaN, 1.5, 2 ** 40, -1, "7" as unknown as number]) {
    await refuses({ seed }, /seed must be an integer in/);
    await refuses({ seed, beams: 2 }, /seed must be an integer in/);
  }
  await refuses({ repetitionPenalty: 0 }, /repetitionPenalty/);
  await refuses({ noRepeatNgram: -1 }, /noRepeatNgram/);
  await refuses({ minNewTokens: 0.5 }, /minNewTokens/);
  await refuses({ beams: 2, temperature: 1 }, /beams go without temperature/);
  await refuses({ beams: 2, stop: [[1]] }, /beams go without stop/);
  await refuses({ beams: 2, sequences: 3 }, /2 beams cannot give 3/);
});
