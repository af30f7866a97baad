/**
 * Fine-tunes a model on own texts and writes a run: an adapter that Python's PEFT opens, or all
 * weights.
 *
 *     deno task finetune runs/baby --dataset letters.txt
 *     deno task finetune HuggingFaceTB/SmolLM2-135M-Instruct --dataset answers.jsonl
 *
 * The data and the loop are those of `deno task train`, in scripts/train/; the base and the plan are
 * in scripts/finetune/.
 *
 * @module
 */
import { deviceOptions } from "../lib/cli/device_flags.ts";
import { Interrupt } from "../lib/cli/interrupt.ts";
import { print } from "../lib/cli/output.ts";
import { runScript, userInput } from "../lib/cli/run.ts";
import { AdamW, loadOptimizerState, openDevice, Trainer, trainingLoop } from "../mod.ts";
import { classification } from "./finetune/classification.ts";
import { describeTraining, startModel, trainedParameters } from "./finetune/base.ts";
import { asTrainFlags, finetuneFlags } from "./finetune/flags.ts";
import { completedPlan, planFinetune } from "./finetune/plan.ts";
import { loadTrainData, trainBatches } from "./train/data.ts";
import { openLiveRun } from "./train/live.ts";
import { Run } from "./train/run.ts";
import { openRunFolder } from "./train/run_folder.ts";
import { scheduleOf } from "./train/schedule.ts";

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
    ["deno task finetune --out runs/finetune --resume", "continue a run that was stopped"],
  ] as const,
};

/** What a Ctrl-C during a long step does. */
const STOPPING = "stopping after this step; another Ctrl-C stops without saving";

await runScript(command, async ({ flags, given, positionals: [location] }) => {
  if (flags.labels !== undefined) return await classification(flags, given, location);
  const open = await planFinetune(flags, given, location);
  await using live = await openLiveRun(asTrainFlags(flags, location), given);
  if (live) print(`live     ${live.url}`);
  const data = await loadTrainData(open);
  const { batches, held } = await trainBatches(open, data);
  const { batchesPerEpoch } = batches;
  const plan = completedPlan(open, flags, { given, batchesPerEpoch });
  for (const note of plan.notes) print(`note     ${note}`);
  const device = await openDevice({ ...deviceOptions(flags), blas: flags.blas });
  print(`device   ${device.description}`);

  const { settings, reports } = plan;
  const { beta1, beta2, weightDecay, clip } = settings;
  const { model, ...ends } = await startModel(plan, flags, data.tokenizer);
  const trained = trainedParameters({ model, ...ends });
  const optimizer = await userInput(() => new AdamW(trained, { beta1, beta2, weightDecay, clip }));
  for (const line of describeTraining({ model, ...ends }, plan.finetune.base)) print(line);
  using folder = await openRunFolder(plan);
  const { adapter } = ends;
  if (plan.resume) await loadOptimizerState(plan.folder, { model, optimizer, adapter });
  const trainer = new Trainer(model, optimizer, {
    accumulate: settings.accumulate,
    learningRate: scheduleOf(settings),
    seed: settings.seed,
    recomputeActivations: flags.recomputeActivations,
  });

  using interrupt = new Interrupt(["SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE"]);
  const run = await Run.begin({
    plan,
    data,
    device,
    trainer,
    folder,
    live,
    tensorboard: flags.tensorboard,
    ends,
    interrupt: interrupt.signal,
  });
  const loop = trainingLoop(trainer, batches, {
    steps: settings.steps,
    ...reports,
    ...reports.evalEvery > 0 ? held : {},
    signal: run.signal,
  });
  try {
    for await (const event of loop) {
      await run.handle(event);
      if (event.kind === "step") await interrupt.listenInWorker(STOPPING);
    }
  } catch (error) {
    throw await run.failure(error);
  }
  if (interrupt.signal.aborted) {
    await run.reportStop();
    return Deno.exit(interrupt.exitCode);
  }
  interrupt[Symbol.dispose](); // all is saved: Ctrl-C may end what follows
  await run.reportResult();
  device.close();
});
