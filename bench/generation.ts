/**
 * Greedy generation for the benches: a GPT and its generator on the current device, whose first
 * tokens are checked against the model without a cache.
 *
 * generate_bench.ts, measure_generation.ts and peer_folio.ts time it.
 *
 * @module
 */
import { WEIGHT_TYPES, type WeightType } from "../lib/hub/quantized_weights.ts";
import assert from "node:assert/strict";
import { Generator } from "../lib/generate/generator.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { quantize } from "../lib/nn/quantize.ts";
import { Random } from "../lib/random.ts";
import { argmax } from "../lib/ops/argmax.ts";
import { scope } from "../lib/tensor/scope.ts";
import { tensor } from "../lib/tensor/tensor.ts";

const PROMPT = [1, 2, 3, 4];
const CHECKED = 12;

/** Sizes and element type of a model that generates one sequence. */
export interface GenerationSizes {
  layers: number;
  heads: number;
  width: number;
  context: number;
  vocabulary: number;
  /** Default `f32`. */
  weights?: WeightType;
}

/** A model and its generator. */
export interface Generation {
  readonly model: GPT;
  /** Generates `count` tokens after a prompt of 4. */
  generate(count: number): AsyncGenerator<number>;
}

/**
 * Uniform weights with the standard deviation of the normal initializer, drawn in a tenth of its
 * time.
 */
class UniformWeights extends Random {
  #word = 1;
  override normal(): number {
    this.#word = Math.imul(this.#word, 1664525) + 1013904223 | 0;
    return this.#word / 2 ** 31 * Math.sqrt(3);
  }
}

/** Creates a model with random weights and its generator, and checks the first tokens. */
export async function prepareGeneration(sizes: GenerationSizes): Promise<Generation> {
  const { layers, heads, width, context: contextLength, vocabulary: vocabSize } = sizes;
  const config = { vocabSize, contextLength, layers, heads, width };
  const model = new GPT(config, { random: new UniformWeights(0) });
  const rounding = WEIGHT_TYPES[sizes.weights ?? "f32"];
  if (rounding) await quantize(model, rounding);
  const generator = new Generator(model);
  const generate = (count: number) =>
    generator.generate(PROMPT, { maxNewTokens: count, temperature: 0 });
  await check(model, await Array.fromAsync(generate(CHECKED)));
  return { model, generate };
}

/** Each token must be the most probable one after all those before it. */
async function check(model: GPT, generated: number[]): Promise<void> {
  const ids = Int32Array.from([...PROMPT, ...generated]);
  const likeliest = await scope(() => {
    const logits = model.forward(tensor(ids, { shape: [1, ids.length] }));
    return argmax(logits, { axis: -1 });
  }).data();
  const expected = likeliest.subarray(PROMPT.length - 1, ids.length - 1);
  assert.deepEqual(generated, Array.from(expected));
}

/** Bytes of weights read per token: all except the embedding tables, and the head. */
export function bytesOfWeights(model: GPT): number {
  const { vocabSize, contextLength, width } = model.config;
  const blocks = model.parameterCount - (vocabSize + contextLength) * width;
  const head = vocabSize * width;
  const { quantizedHead } = model;
  const bytes = quantizedHead ? 4 * quantizedHead.blocks.size / head : 4; // of a weight
  return bytes * (head + blocks);
}

/** Bytes that a token reads on average: weights, and half of the keys and values of a text. */
export function bytesOfToken(model: GPT, tokens: number): number {
  const { layers, width } = model.config;
  return bytesOfWeights(model) + 4 * layers * width * tokens;
}
