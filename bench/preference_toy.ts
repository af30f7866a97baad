/**
 * A toy of preference optimization (DPO): sentences of the small language earn a reward if they are
 * at the market or near the castle, which one in four is. A model samples answers, pairs of a
 * rewarded and an unrewarded one are the preferences, and the reward of new samples is counted
 * before and after.
 *
 *     deno run -A bench/preference_toy.ts
 *
 * @module
 */
import { SMALL_LANGUAGE_WORDS, trainSmallModel } from "../lib/lesson/mod.ts";
import {
  AdamW,
  attachLora,
  generate,
  openDevice,
  preferenceReport,
  PreferenceTrainer,
  scorePairs,
  warmupDecay,
} from "../mod.ts";

const STEPS = 120;
const BATCH = 16;

const isRewarded = (text: string) => /at the market|near the castle/.test(text);

const device = await openDevice();
console.log(`device  ${device.description}`);
const started = performance.now();
const { model, tokenizer } = await trainSmallModel(500);
const { royal, worker, animal } = SMALL_LANGUAGE_WORDS;
const prompts = [...royal, ...worker, ...animal].map((subject) => `the ${subject}`);

/** `each` sampled sentences for every prompt. */
async function sampled(each: number, seed: number) {
  const options = {
    tokenizer,
    maxNewTokens: 20,
    stop: ["."],
    temperature: 1,
    sequences: each,
    seed,
  };
  const found = await generate(model, prompts, options);
  return found.map(({ text }, i) => ({ prompt: prompts[Math.floor(i / each)], text: text! }));
}

async function reward(seed: number): Promise<number> {
  const samples = await sampled(50, seed);
  return samples.filter(({ text }) => isRewarded(text)).length / samples.length;
}

const before = await reward(1);
const groups = Map.groupBy(await sampled(48, 2), ({ prompt }) => prompt);
const pairs = [...groups].flatMap(([prompt, samples]) => {
  const texts = samples.map(({ text }) => text);
  const good = texts.filter(isRewarded);
  const bad = texts.filter((text) => !isRewarded(text));
  const ids = (text: string) => [...tokenizer.encode(`${text} .`)];
  return good.slice(0, bad.length).map((text, i) => ({
    prompt: [...tokenizer.encode(prompt)],
    chosen: ids(text),
    rejected: ids(bad[i]),
  }));
});
const reference = await scorePairs(model, pairs);
const referenced = pairs.map((pair, i) => ({
  ...pair,
  reference: { chosen: reference.chosen[i], rejected: reference.rejected[i] },
}));
const adapter = attachLora(model, { rank: 8, alpha: 16, modules: "all-linear" });
const optimizer = new AdamW(adapter.parameters(), { weightDecay: 0, clip: 1 });
const learningRate = warmupDecay({ learningRate: 1e-3, warmupSteps: 8, steps: STEPS });
const trainer = new PreferenceTrainer(model, optimizer, {
  learningRate,
  batchSize: BATCH,
  beta: 0.5,
});
for (let step = 0; step < STEPS; step++) {
  trainer.step(Array.from({ length: BATCH }, (_, i) => {
    return referenced[(step * BATCH + i) * 7 % referenced.length];
  }));
}
const { loss, accuracy } = preferenceReport(await scorePairs(model, pairs), reference, {
  beta: 0.5,
});
const after = await reward(3);
adapter.enabled = false;
const base = await reward(3);
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
console.log(`pairs   ${pairs.length}; loss ${loss.toFixed(3)}, preferred ${percent(accuracy)}`);
console.log(
  `reward  ${percent(before)} before, ${percent(after)} after, ${percent(base)} of the base`,
);
console.log(`time    ${((performance.now() - started) / 1000).toFixed(1)} s`);
device.close();
