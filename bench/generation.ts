/**
 * Greedy generation to be timed: a GPT and its generator on the current device, its first tokens checked against the model without a cache.
 *
 * Timing is left to generate_bench.ts, measure_generation.ts and peer_folio.ts.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Generator } from "../lib/generate/generator.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { argmax } from "../lib/tensor/argmax.ts";
import { scope } from "../lib/tensor/scope.ts";
import { tensor } from "../lib/tensor/tensor.ts";

const PROMPT = [1, 2, 3, 4];
const CHECKED = 12;

/** Sizes of a model that generates one sequence. */
export interface GenerationSizes {
  layers: number;
  heads: number;
  width: number;
  context: number;
  vocabulary: number;
}

/** A model, and a function that generates `count` tokens after a prompt of 4; its first tokens are checked. */
export async function prepareGeneration(
  sizes: GenerationSizes,
): Promise<{ model: GPT; generate(count: number): Promise<number[]> }> {
  const { layers, heads, width, context: contextLength, vocabulary: vocabSize } = sizes;
  const model = new GPT({ vocabSize, contextLength, layers, heads, width });
  const generator = new Generator(model);
  const generate = async (count: number): Promise<number[]> =>
    await Array.fromAsync(generator.generate(PROMPT, { maxNewTokens: count, temperature: 0 }));
  await check(model, await generate(CHECKED));
  return { model, generate };
}

/** Each token must be the likeliest after all those before it. */
async function check(model: GPT, generated: number[]): Promise<void> {
  const ids = Int32Array.from([...PROMPT, ...generated]);
  const likeliest = await scope(() => {
    const logits = model.forward(tensor(ids, { shape: [1, ids.length] }));
    return argmax(logits, { axis: -1 });
  }).data();
  const expected = likeliest.subarray(PROMPT.length - 1, ids.length - 1);
  assert.deepEqual(generated, Array.from(expected));
}
