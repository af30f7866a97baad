/**
 * Measures generation with one model; generate_bench.ts runs it in a process of its own, so that peak memory is the model's.
 *
 *     deno run -A bench/measure_generation.ts CONFIGURATION SECONDS
 *
 * The first argument is a GenerationConfiguration and what is printed a GenerationResult, both as JSON. The bandwidth that a token's reads are
 * compared with is measured last, in the same process.
 *
 * @module
 */
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../lib/device/open_device.ts";
import { prepareGeneration } from "./generation.ts";
import {
  type GenerationConfiguration,
  type GenerationResult,
  peakResident,
  summary,
} from "./results.ts";
import { measureBandwidth } from "./roofline.ts";

const configuration: GenerationConfiguration = JSON.parse(Deno.args[0]);
const seconds = Number(Deno.args[1]);
const { layers, width, context, threads } = configuration;
/** Tokens of a run; a run's time is shared out among them, the prompt's with it. */
const TOKENS = Math.min(60, context - 4);

const device = new CpuDevice({ threads });
useDevice(device);
const { model, generate } = await prepareGeneration(configuration);

const times: number[] = [];
const end = performance.now() + 1e3 * seconds;
while (times.length < 3 || performance.now() < end) {
  const start = performance.now();
  await generate(TOKENS);
  times.push((performance.now() - start) / TOKENS);
}
const memory = { device: device.memory().peak, resident: await peakResident() };
const milliseconds = summary(times);
// All weights but the positions, and half of the places that are filled in a run, keys and values.
const read = model.parameterCount - context * width + layers * width * TOKENS;
const result: GenerationResult = {
  ...configuration,
  parameters: model.parameterCount,
  milliseconds,
  tokensPerSecond: 1e3 / milliseconds.least,
  bytes: 4 * read,
  bandwidth: await measureBandwidth(device),
  memory,
};
console.log(JSON.stringify(result));
device.close();
