/**
 * Measures one training step; train_bench.ts runs it in a separate process, so that peak memory is
 * the step's.
 *
 *     deno run -A bench/measure_training.ts CONFIGURATION SECONDS
 *
 * The first argument is a TrainingConfiguration, the output a TrainingResult, both as JSON. Memory
 * is measured before the launches are timed one at a time.
 *
 * @module
 */
import { useDevice } from "../lib/device/current_device.ts";
import { ProfilingDevice } from "./profiling_device.ts";
import {
  peakResident,
  summary,
  type TrainingConfiguration,
  type TrainingResult,
} from "./results.ts";
import { prepareStep } from "./training_step.ts";

const configuration: TrainingConfiguration = JSON.parse(Deno.args[0]);
const seconds = Number(Deno.args[1]);
const { batch, context, threads } = configuration;

const device = new ProfilingDevice({ threads });
useDevice(device);
const { trainer, run } = await prepareStep(configuration);

const times: number[] = [];
const end = performance.now() + 1e3 * seconds;
// During the first step after the checked one, V8 is still optimizing code.
for (let step = 0; step < 3 || performance.now() < end; step++) {
  const start = performance.now();
  run();
  await trainer.figures();
  if (step > 0) times.push(performance.now() - start);
}
const memory = { device: device.memory().peak, resident: await peakResident() };
const milliseconds = summary(times);
const result: TrainingResult = {
  ...configuration,
  parameters: trainer.model.parameterCount,
  milliseconds,
  steps: times.length,
  tokensPerSecond: 1e3 * batch * context / milliseconds.minimum,
  memory,
  split: split(device.profile(device.loaded[0], milliseconds.minimum > 1000 ? 1 : 3)),
};
console.log(JSON.stringify(result));
device.close();

function split(times: ReadonlyMap<string, number>): TrainingResult["split"] {
  const of = (start: string) =>
    [...times].reduce((sum, [name, time]) => name.startsWith(start) ? sum + time : sum, 0);
  const all = of("");
  const [attention, products] = [of("attention"), of("matmul")];
  return { attention, products, rest: all - attention - products };
}
