/**
 * Measures generation with one model; generate_bench.ts runs it in a process of its own, so that
 * peak memory is the model's.
 *
 *     deno run -A bench/measure_generation.ts CONFIGURATION SECONDS
 *
 * The first argument is a GenerationConfiguration and what is printed a GenerationResult, both as
 * JSON. A token's time is that of a text after its first token, which reads the prompt. The rate at
 * which memory can be read is measured in turn with the texts.
 *
 * @module
 */
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { zeros } from "../lib/tensor/tensor.ts";
import { bytesOfWeights, prepareGeneration } from "./generation.ts";
import {
  type GenerationConfiguration,
  type GenerationResult,
  peakResident,
  summary,
} from "./results.ts";
import { streamBandwidth } from "./stream.ts";

const configuration: GenerationConfiguration = JSON.parse(Deno.args[0]);
const seconds = Number(Deno.args[1]);
const { layers, width, threads } = configuration;
const TOKENS = 48;

const device = new CpuDevice({ threads });
useDevice(device);
const { model, generate } = await prepareGeneration(configuration);
const memory = { device: device.memory().peak, resident: await peakResident() };

const stream = zeros([2 ** 25]);
const times: number[] = [];
let bandwidth = 0;
const end = performance.now() + 1e3 * seconds;
while (times.length < 2 || performance.now() < end) {
  times.push(await timeText());
  bandwidth = Math.max(bandwidth, streamBandwidth([stream], 3));
}
const milliseconds = summary(times);
const result: GenerationResult = {
  ...configuration,
  parameters: model.parameterCount,
  milliseconds,
  tokensPerSecond: 1e3 / milliseconds.least,
  // Half of the places that a text fills, keys and values.
  bytes: bytesOfWeights(model) + 4 * layers * width * TOKENS,
  bandwidth,
  memory,
};
console.log(JSON.stringify(result));
device.close();

/** Milliseconds of a text's tokens after the first. */
async function timeText(): Promise<number> {
  let [start, count] = [NaN, 0];
  for await (const _ of generate(TOKENS)) if (count++ === 0) start = performance.now();
  return (performance.now() - start) / (count - 1);
}
