/**
 * Fine-tunes a model on own texts and writes a run: an adapter that Python's PEFT opens, or all
 * weights.
 *
 *     deno task finetune runs/baby --dataset letters.txt
 *     deno task finetune HuggingFaceTB/SmolLM2-135M-Instruct --dataset answers.jsonl
 *
 * The data and the loop are those of `deno task train`, in scripts/train/; the base and the plan
 * are in scripts/finetune/.
 *
 * @module
 */
import { deviceLines, lossScalingOf } from "../lib/cli/device_flags.ts";
import { print } from "../lib/cli/output.ts";
import { runScript, userInput } from "../lib/cli/run.ts";
import { AdamW, loadOptimizerState, Trainer } from "../mod.ts";
import { classification, isClassification } from "./finetune/classification.ts";
import { describeTraining, startModel, trainedParameters } from "./finetune/base.ts";
import { asTrainFlags, finetuneFlags } from "./finetune/flags.ts";
import { documentNotes } from "./finetune/documents.ts";
import { completedPlan, planFinetune } from "./finetune/plan.ts";
import { preferenceTraining } from "./finetune/preferences.ts";
import { completeRun } from "./train/complete_run.ts";
import { loadTrainData, trainBatches } from "./train/data.ts";
import { openLiveRun } from "./train/live.ts";
import { openRunFolder } from "./train/run_folder.ts";
import { stepOptions } from "./train/schedule.ts";
import { openTeacher } from "./train/teacher.ts";
import {
  expectOneProcess,
  followRun,
  openSharedDevice,
  openTrainWorld,
  sharedBatch,
} from "./train/world.ts";

const command = {
  name: "deno task finetune",
  summary: "Fine-tunes a model on own texts: a LoRA adapter of some kilobytes, or all weights.",
  flags: finetuneFlags,
  positionals: {
    name: "MODEL",
    meaning: "folder of a run or a model, address, or name on the hub",
    max: 1,
  },
  examples: [
    ["deno task finetune runs/baby --dataset letters.txt", "an adapter on a run"],
    ["deno task finetune ./model --dataset answers.jsonl --rank 16", "on a model in a folder"],
    ["deno task finetune runs/baby --labels sms.tsv --compare", "classify texts, by four methods"],
    ["deno task finetune runs/baby --preferences pairs.jsonl", "prefer chosen answers (DPO)"],
    ["deno task finetune --out runs/finetune --resume", "continue a run that was stopped"],
    [
      "deno run -A scripts/finetune.ts runs/baby --dataset letters.txt --blas auto",
      "products by a BLAS, not in the sandbox",
    ],
  ] as const,
};

await runScript(command, async (parsed) => {
  const [location] = parsed.positionals;
  const world = await openTrainWorld(parsed.flags);
  if (await isClassification(parsed.flags)) {
    expectOneProcess("--labels", world);
    return await classification(parsed.flags, parsed.given, location);
  }
  if (parsed.flags.preferences !== undefined) {
    expectOneProcess("--preferences", world);
    return await preferenceTraining(parsed.flags, parsed.given, location);
  }
  if (world.rank > 0) return await followRun(world, asTrainFlags(parsed.flags, location));
  const { flags, given } = sharedBatch(parsed.flags, parsed.given, world);
  const open = await planFinetune(flags, given, location);
  await using live = await openLiveRun(asTrainFlags(flags, location), given);
  if (live) print(`live     ${live.url}`);
  const data = await loadTrainData(open);
  for (const note of documentNotes(data, open.settings.context)) print(note);
  const { batches, held } = await trainBatches(open, data);
  const { batchesPerEpoch } = batches;
  const plan = completedPlan(open, flags, { given, batchesPerEpoch });
  for (const note of plan.notes) print(`note     ${note}`);
  const device = await openSharedDevice(flags, world);
  print(deviceLines(device));

  const { settings, reports } = plan;
  const { beta1, beta2, weightDecay, clip } = settings;
  const { model, ...ends } = await startModel(plan, flags, data.tokenizer);
  const trained = trainedParameters({ model, ...ends });
  const optimizer = await userInput(() =>
    new AdamW(trained, { beta1, beta2, weightDecay, clip, ...lossScalingOf(flags) })
  );
  for (const line of describeTraining({ model, ...ends }, plan.finetune.base)) print(line);
  const teacher = await openTeacher(plan, { model, data, world });
  using folder = await openRunFolder(plan);
  const { adapter } = ends;
  if (plan.resume) await loadOptimizerState(plan.folder, { model, optimizer, adapter });
  const trainer = new Trainer(model, optimizer, {
    ...stepOptions(settings),
    recomputeActivations: flags.recomputeActivations,
    world,
    teacher,
  });

  const tensorboard = flags.tensorboard;
  const parts = { plan, data, device, trainer, folder, live, tensorboard, ends };
  await completeRun(parts, { batches, held: reports.evalEvery > 0 ? held : undefined });
  world.close();
});
