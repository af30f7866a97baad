/**
 * Generation with the key-value cache, one sequence, on the CPU; the first tokens are checked
 * against the model without a cache.
 *
 *     deno run -A bench/generate_bench.ts [--quick] [--seconds N]
 *
 * prints tokens per second, milliseconds per token, the fraction of the memory bandwidth and the
 * peak memory of three models with one thread and with two, each in a separate process, and writes
 * generation.json. `deno bench` times only the baby model.
 *
 * @module
 */
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { runScript } from "../lib/cli/run.ts";
import { PRESETS } from "../lib/train/presets.ts";
import { prepareGeneration } from "./generation.ts";
import { generationConfigurations, measureGeneration, SWEEP_FLAGS, writeResults } from "./sweep.ts";
import { VOCABULARY } from "./training_step.ts";

const TOKENS = 60;

const command = {
  name: "deno run -A bench/generate_bench.ts",
  summary: "Times generation with models of three sizes and writes generation.json.",
  flags: SWEEP_FLAGS,
};

if (import.meta.main) {
  await runScript(command, async ({ flags: { seconds, quick, out, again } }) => {
    const generation = await measureGeneration(
      generationConfigurations(quick),
      quick ? 10 : seconds,
    );
    await writeResults(out, "generation.json", { generation }, again);
  });
} else {
  for (const threads of [1, 2]) await benchBaby(threads);
}

async function benchBaby(threads: number): Promise<void> {
  const device = new CpuDevice({ threads });
  useDevice(device);
  const { generate } = await prepareGeneration({ ...PRESETS.baby, vocabulary: VOCABULARY });
  Deno.bench({
    name: `${TOKENS} tokens, ${threads} thread${threads > 1 ? "s" : ""}`,
    group: "generate",
    async fn() {
      useDevice(device); // reading the prompt creates tensors
      await Array.fromAsync(generate(TOKENS));
    },
  });
}
