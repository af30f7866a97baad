/**
 * Trains a GPT on a text and writes a run: weights, tokenizer, metrics and the loss as a figure.
 *
 *     deno task train
 *     deno task train --dataset book.txt --steps 500 --out runs/book
 *     deno task train --out runs/book --resume
 *
 * A step of the trainer is a forward pass, a backward pass and an update. The loop makes the steps
 * and says what is due (a log line, an evaluation, a sample, a checkpoint); the run does it. The
 * parts are in scripts/train/.
 *
 * @module
 */
import { deviceLines, lossScalingOf } from "../lib/cli/device_flags.ts";
import { print } from "../lib/cli/output.ts";
import { runScript, userInput } from "../lib/cli/run.ts";
import { loadOptimizerState, optimizerOf, Trainer } from "../mod.ts";
import { completeRun } from "./train/complete_run.ts";
import { expectRecordedCorpus, withConfig } from "./train/config.ts";
import { loadTrainData, trainBatches } from "./train/data.ts";
import { trainFlags } from "./train/flags.ts";
import { initialModel } from "./train/initial_model.ts";
import { openLiveRun } from "./train/live.ts";
import { planRun } from "./train/plan.ts";
import { openRunFolder } from "./train/run_folder.ts";
import { stepOptions } from "./train/schedule.ts";
import { openTeacher } from "./train/teacher.ts";
import { followRun, openSharedDevice, openTrainWorld, sharedBatch } from "./train/world.ts";

const command = {
  name: "deno task train",
  summary:
    "Trains a GPT on a text. With no flags: a small one on Tiny Shakespeare, a few minutes on a CPU.",
  flags: trainFlags,
  examples: [
    ["deno task train --dataset book.txt --steps 500", "train on your own file"],
    ["deno task train --out runs/baby --resume", "continue a run that was stopped"],
    ["deno task train --config runs/baby/run.json --seed 1", "repeat a run with another seed"],
  ] as const,
};

await runScript(command, async (parsed) => {
  const world = await openTrainWorld(parsed.flags);
  if (world.rank > 0) return await followRun(world, parsed.flags);
  const typed = sharedBatch(parsed.flags, parsed.given, world);
  const { flags, given, corpus, settings: recorded } = await withConfig(typed.flags, typed.given);
  const plan = await planRun(flags, given, { recorded, datasetPath: corpus?.path });
  for (const note of plan.notes) print(`note     ${note}`);
  await using live = await openLiveRun(flags, given);
  if (live) print(`live     ${live.url}`);
  const data = await loadTrainData(plan);
  expectRecordedCorpus(flags.config, corpus, data);
  const { batches, held } = await trainBatches(plan, data);
  const device = await openSharedDevice(flags, world);
  print(deviceLines(device));

  const { settings } = plan;
  const { model, ...ends } = await initialModel(plan, data);
  const optimizer = await userInput(() => optimizerOf(settings, model, lossScalingOf(flags)));
  const teacher = await openTeacher(plan, { model, data, world });
  using folder = await openRunFolder(plan);
  if (plan.resume) await loadOptimizerState(plan.folder, { model, optimizer });
  const trainer = new Trainer(model, optimizer, {
    ...stepOptions(settings),
    recomputeActivations: flags.recomputeActivations,
    world,
    teacher,
  });

  const tensorboard = flags.tensorboard;
  const parts = { plan, data, device, trainer, folder, live, tensorboard, ends };
  await completeRun(parts, { batches, held });
  world.close();
});
