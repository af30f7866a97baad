/**
 * JavaScript's share of training: the time between two replayed steps, when no kernel runs.
 *
 *     deno run -A bench/javascript_share.ts TEXT [--steps N] [--threads N]
 *
 * Steps of the baby model on batches of a text, figures read every 10 steps as the training loop
 * does. The time inside the step's program is measured around its `run`; the time that `run` itself
 * spends before and after the kernels is measured with a program of one empty launch.
 *
 * @module
 */
import { integer } from "../lib/cli/flags.ts";
import { print } from "../lib/cli/output.ts";
import { runScript } from "../lib/cli/run.ts";
import { Batches } from "../lib/data/batches.ts";
import { CpuDevice } from "../lib/device/cpu/cpu_device.ts";
import type { LoadedProgram } from "../lib/device/device.ts";
import type { Launch, Range } from "../lib/device/launch.ts";
import { useDevice } from "../lib/device/current_device.ts";
import { CharacterTokenizer } from "../lib/text/character_tokenizer.ts";
import { PRESETS } from "../lib/train/presets.ts";
import { bestSeconds } from "./best_seconds.ts";
import { checkFirstLoss, makeTrainer } from "./training_step.ts";

/** A device that sums the time spent inside its programs. */
class StopwatchDevice extends CpuDevice {
  milliseconds = 0;

  override load(launches: readonly Launch<Range>[]): LoadedProgram {
    const program = super.load(launches);
    const run = () => {
      const start = performance.now();
      program.run();
      this.milliseconds += performance.now() - start;
    };
    return { ...program, run };
  }

  /** Milliseconds of a program with a single empty launch. */
  async emptyRun(): Promise<number> {
    const kernel = {
      name: "nothing",
      reads: {},
      scalars: {},
      cpu: { chunks: () => 1, emit: () => {} },
    };
    const program = super.load([{ kernel, constants: {}, scalars: {}, buffers: [] }]);
    return 1e3 * await bestSeconds(this, program.run);
  }
}

const command = {
  name: "deno run -A bench/javascript_share.ts",
  summary: "Measures JavaScript's time between two replayed training steps.",
  positionals: { name: "TEXT", meaning: "a text to train on", min: 1, max: 1 },
  flags: {
    steps: integer(100, "steps to time", { min: 10 }),
    threads: integer(navigator.hardwareConcurrency, "threads", { min: 1 }),
  },
};

await runScript(command, async ({ flags: { steps, threads }, positionals: [file] }) => {
  const device = new StopwatchDevice({ threads });
  useDevice(device);
  const text = await Deno.readTextFile(file);
  const tokenizer = CharacterTokenizer.fromText(text);
  const trainer = makeTrainer(PRESETS.baby, tokenizer.vocabSize);
  const { batch: batchSize, context: contextLength } = PRESETS.baby;
  const batches = new Batches(tokenizer.encode(text), { batchSize, contextLength });
  trainer.step(batches);
  checkFirstLoss((await trainer.figures())[0].loss, tokenizer.vocabSize);
  for (let step = 0; step < 10; step++) trainer.step(batches);
  await trainer.figures();

  device.milliseconds = 0;
  const start = performance.now();
  for (let step = 1; step <= steps; step++) {
    trainer.step(batches);
    if (step % 10 === 0) await trainer.figures();
  }
  const step = (performance.now() - start) / steps;
  const outside = step - device.milliseconds / steps + await device.emptyRun();
  print(
    `${step.toFixed(1)} ms per step, of which JavaScript takes ${(1e3 * outside).toFixed(0)} µs: ${
      (100 * outside / step).toFixed(2)
    } %`,
  );
  device.close();
});
