/**
 * Tokens a second with the key-value cache, one sequence, the baby size: 60 tokens after a prompt of 4, on the CPU with one thread and with
 * two. They are checked against the model without a cache, then timed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { formatRate } from "../lib/cli/numbers.ts";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../lib/device/open_device.ts";
import { Generator } from "../lib/generate/generator.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { argmax } from "../lib/tensor/argmax.ts";
import { tensor } from "../lib/tensor/tensor.ts";
import { PRESETS } from "../lib/train/presets.ts";
import { VOCABULARY } from "./training_step.ts";

const PROMPT = [1, 2, 3, 4];
const TOKENS = 60;

async function generate(generator: Generator): Promise<number[]> {
  const options = { maxNewTokens: TOKENS, temperature: 0 };
  return await Array.fromAsync(generator.generate(PROMPT, options));
}

/** Each token must be the likeliest after all those before it. */
async function check(model: GPT, generated: number[]): Promise<void> {
  assert.equal(generated.length, TOKENS);
  const ids = Int32Array.from([...PROMPT, ...generated]);
  const logits = model.forward(tensor(ids, { shape: [1, ids.length] }));
  const likeliest = await argmax(logits, { axis: -1 }).data();
  const expected = likeliest.subarray(PROMPT.length - 1, ids.length - 1);
  assert.deepEqual(generated, Array.from(expected));
}

/** The rate of the best of the runs within half a second. */
async function bestRate(generator: Generator): Promise<number> {
  let least = Infinity;
  for (const start = performance.now(); performance.now() - start < 500;) {
    const before = performance.now();
    await generate(generator);
    least = Math.min(least, performance.now() - before);
  }
  return TOKENS / least * 1000;
}

const { layers, heads, width, context: contextLength } = PRESETS.baby;
for (const threads of [1, 2]) {
  const device = new CpuDevice({ threads });
  useDevice(device);
  const model = new GPT({ vocabSize: VOCABULARY, contextLength, layers, heads, width });
  const generator = new Generator(model);
  await check(model, await generate(generator));
  const name = `${TOKENS} tokens, ${device.description}`;
  console.log(`${name}: ${formatRate(await bestRate(generator))} tokens/s`);
  Deno.bench({
    name,
    group: "generate",
    async fn() {
      useDevice(device); // reading the prompt makes tensors
      await generate(generator);
    },
  });
}
