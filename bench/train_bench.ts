/**
 * A whole training step on the CPU, forward, backward and update; its first loss is checked before
 * it is timed.
 *
 *     deno run -A bench/train_bench.ts [--quick] [--seconds N]
 *
 * prints tokens per second, milliseconds and peak memory over presets, widths, contexts and batches
 * with one thread and with two, each in a separate process, and writes training.json. `deno bench`
 * times only the baby step.
 *
 * @module
 */
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { runScript } from "../lib/cli/run.ts";
import { PRESETS } from "../lib/train/presets.ts";
import { measureTraining, SWEEP_FLAGS, trainingConfigurations, writeResults } from "./sweep.ts";
import { prepareStep } from "./training_step.ts";

const command = {
  name: "deno run -A bench/train_bench.ts",
  summary: "Times training steps of many sizes and writes training.json.",
  flags: SWEEP_FLAGS,
};

if (import.meta.main) {
  await runScript(command, async ({ flags: { seconds, quick, out, again } }) => {
    const training = await measureTraining(trainingConfigurations(quick), quick ? 30 : seconds);
    await writeResults(out, "training.json", { training }, again);
  });
} else {
  for (const threads of [1, 2]) await benchBaby(threads);
}

async function benchBaby(threads: number): Promise<void> {
  const device = new CpuDevice({ threads });
  useDevice(device);
  const { trainer, run } = await prepareStep(PRESETS.baby);
  Deno.bench({
    name: `a baby step, ${threads} thread${threads > 1 ? "s" : ""}`,
    group: "baby",
    async fn() {
      run();
      await trainer.figures();
    },
  });
}
