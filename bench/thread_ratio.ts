/**
 * Speed-up by a second thread: steps on one thread and on two alternately, and the ratio of their
 * times.
 *
 *     deno run -A bench/thread_ratio.ts [--seconds N] [--width N --context N --batch N --layers N]
 *
 * @module
 */
import { integer } from "../lib/cli/flags.ts";
import { print } from "../lib/cli/output.ts";
import { runScript } from "../lib/cli/run.ts";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { PRESETS } from "../lib/train/presets.ts";
import { summary } from "./results.ts";
import { prepareStep } from "./training_step.ts";

const { baby } = PRESETS;
const command = {
  name: "deno run -A bench/thread_ratio.ts",
  summary: "Times a training step on one thread and on two, alternately.",
  flags: {
    seconds: integer(10, "how long to measure", { min: 1 }),
    layers: integer(baby.layers, "blocks", { min: 1 }),
    heads: integer(baby.heads, "attention heads", { min: 1 }),
    width: integer(baby.width, "size of a token's vector", { min: 1 }),
    context: integer(baby.context, "tokens in a sequence", { min: 1 }),
    batch: integer(baby.batch, "sequences in a batch", { min: 1 }),
  },
};

await runScript(command, async ({ flags }) => {
  const sides: { step(): Promise<void>; times: number[] }[] = [];
  const devices = [1, 2].map((threads) => new CpuDevice({ threads }));
  for (const device of devices) {
    useDevice(device);
    const { trainer, run } = await prepareStep(flags);
    const step = async () => {
      run();
      await trainer.figures();
    };
    sides.push({ step, times: [] });
  }
  const end = performance.now() + 1e3 * flags.seconds;
  for (let round = 0; round < 5 || performance.now() < end; round++) {
    for (const { step, times } of sides) {
      await step(); // wakes the worker, which went to sleep during a step of the other device
      const start = performance.now();
      await step();
      if (round > 0) times.push(performance.now() - start);
    }
  }
  const [one, two] = sides.map(({ times }) => summary(times));
  print("| threads | minimum, ms | median, ms |\n| --- | --- | --- |");
  [one, two].forEach(({ minimum, median }, i) => {
    print(`| ${i + 1} | ${minimum.toFixed(1)} | ${median.toFixed(1)} |`);
  });
  const ratios = [one.minimum / two.minimum, one.median / two.median].map((ratio) =>
    ratio.toFixed(2)
  );
  print(`\n1 → 2 threads: ${ratios[0]} times as fast by the minima, ${ratios[1]} by the medians`);
  for (const device of devices) device.close();
});
