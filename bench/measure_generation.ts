/**
 * Measures generation with one model; generate_bench.ts runs it in a separate process, so that peak
 * memory is the model's.
 *
 *     deno run -A bench/measure_generation.ts CONFIGURATION SECONDS
 *
 * The first argument is a GenerationConfiguration, the output a GenerationResult, both as JSON. The
 * time per token is that of a text without its first token, which reads the prompt. The memory
 * bandwidth is measured alternately with the texts.
 *
 * @module
 */
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { bytesOfToken, prepareGeneration } from "./generation.ts";
import {
  type GenerationConfiguration,
  type GenerationResult,
  peakResident,
  summary,
} from "./results.ts";
import { beyondCaches, streamBandwidth } from "./stream.ts";

const configuration: GenerationConfiguration = JSON.parse(Deno.args[0]);
const seconds = Number(Deno.args[1]);
const { threads } = configuration;
const TOKENS = 48;

const device = new CpuDevice({ threads });
useDevice(device);
const { model, generate } = await prepareGeneration(configuration);
const memory = { device: device.memory().peak, resident: await peakResident() };

const stream = beyondCaches();
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
  tokensPerSecond: 1e3 / milliseconds.minimum,
  bytes: bytesOfToken(model, TOKENS),
  bandwidth,
  memory,
};
console.log(JSON.stringify(result));
device.close();

/** Milliseconds of each token of a text after the first. */
async function timeText(): Promise<number> {
  let [start, count] = [NaN, 0];
  for await (const _ of generate(TOKENS)) if (count++ === 0) start = performance.now();
  return (performance.now() - start) / (count - 1);
}
