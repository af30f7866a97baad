/**
 * Tokens a second at the size of GPT-2 (124M parameters, random weights), one sequence, on the CPU: with weights in float32 and in 8 bits, on one
 * thread and on two. Beside it stands the limit: the bytes of weights that a token must read, at the rate at which memory can be read.
 *
 *     deno run -A bench/generate_gpt2.ts
 *
 * The kernels are checked in the tests; here the text on two threads must be that on one.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../lib/device/open_device.ts";
import { Generator } from "../lib/generate/generator.ts";
import { GPT } from "../lib/nn/gpt.ts";
import { quantize } from "../lib/nn/quantize.ts";
import { Random } from "../lib/random.ts";
import { type Tensor, zeros } from "../lib/tensor/tensor.ts";
import { streamBandwidth } from "./stream.ts";

const GPT2 = { vocabSize: 50257, contextLength: 1024, layers: 12, heads: 12, width: 768 };
const TOKENS = 24, ROUNDS = 6;

/** Numbers with the deviation of normal ones, made in a tenth of the time. */
class EvenNumbers extends Random {
  #word = 1;
  override normal(): number {
    this.#word = Math.imul(this.#word, 1664525) + 1013904223 | 0;
    return this.#word / 2 ** 31 * Math.sqrt(3);
  }
}

/** Bytes of weights that a token reads: all but the embedding tables, and the head. */
function bytesRead(model: GPT): number {
  const { vocabSize, contextLength, width } = model.config;
  const blocks = model.parameterCount - (vocabSize + contextLength) * width;
  const head = model.int8Head ? 4 * model.int8Head.blocks.size : 4 * vocabSize * width;
  const { group } = model.int8Head ?? {};
  return head + blocks * (group ? (group + 4) / group : 4);
}

/** The text, and the milliseconds of the fastest token; reading the prompt is left out. */
async function fastest(generator: Generator): Promise<{ text: number[]; milliseconds: number }> {
  const text: number[] = [];
  let milliseconds = Infinity, before = 0;
  const options = { maxNewTokens: TOKENS, temperature: 0.8, topK: 200 };
  for await (const token of generator.generate([1, 2, 3, 4], options)) {
    const now = performance.now();
    if (text.length > 1) milliseconds = Math.min(milliseconds, now - before);
    before = now;
    text.push(token);
  }
  return { text, milliseconds };
}

const texts = new Map<string, number[]>();
for (const threads of [1, 2]) {
  const device = new CpuDevice({ threads });
  useDevice(device);
  const stream: Tensor = zeros([2 ** 26]);
  for (const weights of ["f32", "int8"]) {
    const model = new GPT(GPT2, new EvenNumbers(0));
    if (weights === "int8") await quantize(model);
    const generator = new Generator(model);
    let milliseconds = Infinity, bandwidth = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const run = await fastest(generator);
      assert.deepEqual(run.text, texts.get(weights) ?? run.text, "other threads, another text");
      texts.set(weights, run.text);
      milliseconds = Math.min(milliseconds, run.milliseconds);
      bandwidth = Math.max(bandwidth, streamBandwidth([stream], 3));
    }
    const rate = bytesRead(model) / milliseconds * 1000;
    console.log(
      `GPT-2's size, ${weights}, threads ${threads}: ${milliseconds.toFixed(2)} ms a token, ` +
        `${(1000 / milliseconds).toFixed(1)} tokens/s; ${(rate / 1e9).toFixed(1)} of ` +
        `${(bandwidth / 1e9).toFixed(1)} GB/s, ${Math.round(100 * rate / bandwidth)} %`,
    );
    for (const parameter of model.parameters()) parameter.dispose();
  }
  device.close();
}
