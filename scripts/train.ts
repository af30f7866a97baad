/**
 * Trains a GPT on a text and writes a run: weights, tokenizer, metrics and the loss as a figure.
 *
 *     deno task train
 *     deno task train --dataset book.txt --steps 500 --out runs/book
 *     deno task train --out runs/book --resume
 *
 * @module
 */
import { TrainingProgress } from "../lib/cli/progress.ts";
import { onInterrupt, runScript, userInput } from "../lib/cli/run.ts";
import { printSample } from "../lib/cli/sample.ts";
import { loadTrainData, trainBatches, type TrainData } from "../lib/cli/train/data.ts";
import { trainFlags } from "../lib/cli/train/flags.ts";
import { openLiveRun } from "../lib/cli/train/live.ts";
import { memoryLine } from "../lib/cli/train/memory_line.ts";
import { type Plan, planRun } from "../lib/cli/train/plan.ts";
import { drawLoss, elapsedBefore, runState, shellWord } from "../lib/cli/train/record.ts";
import {
  AdamW,
  CheckpointFolder,
  DivergenceError,
  expressible,
  Generator,
  type GPT,
  loadModel,
  MetricsLog,
  modelOf,
  openDevice,
  openingTokens,
  restoreOptimizer,
  saveCheckpoint,
  Trainer,
  trainingLoop,
  UserError,
  warmupDecay,
} from "../mod.ts";

const command = {
  name: "deno task train",
  summary:
    "Trains a GPT on a text. With no flags: a small one on Tiny Shakespeare, a few minutes on a CPU.",
  flags: trainFlags,
  examples: [
    ["deno task train --dataset book.txt --steps 500", "learn from a file of your own"],
    ["deno task train --out runs/baby --resume", "continue a run that was stopped"],
  ] as const,
};

await runScript(command, async ({ flags, given }) => {
  const plan = await planRun(flags, given);
  const { settings, reports } = plan;
  await using live = await openLiveRun(flags, given);
  if (live) console.log(`live     ${live.url}`);
  const data = await loadTrainData(plan);
  const { batches, held } = await trainBatches(plan, data);
  const device = await openDevice(flags);
  console.log(`device   ${device.description}`);
  const model = await makeModel(plan, data);
  const sizes = `${settings.layers} layers, ${settings.heads} heads, width ${settings.width}`;
  const corpusLine = `${data.source}: ${data.train.length} + ${data.validation.length} tokens`;
  const modelLine = `${sizes}, context ${settings.context}, ${model.parameterCount} parameters`;
  console.log(`corpus   ${corpusLine}\nmodel    ${modelLine}`);
  const { beta1, beta2, weightDecay, clip, seed, batch, context, accumulate } = settings;
  const decays = { beta1, beta2, weightDecay, clip };
  const optimizer = await userInput(() => new AdamW(model.parameters(), decays));
  using folder = await CheckpointFolder.open(plan.folder);
  if (plan.resume) await restoreOptimizer(plan.folder, model, optimizer, plan.step);
  const schedule = warmupDecay(settings);
  const { checkpointActivations } = flags;
  const trainer = new Trainer(model, optimizer, {
    ...{ batchSize: batch, contextLength: context, accumulate, schedule, seed },
    checkpointActivations,
  });
  batches.state = plan.step * accumulate;
  const metrics = await MetricsLog.open(`${plan.folder}/metrics.jsonl`, plan.step);
  const progress = new TrainingProgress(settings.steps, { firstStep: plan.step });
  const generator = new Generator(model);

  let saved = plan.step;
  const diverged = (what: string) =>
    new UserError(
      `training: ${what}; the checkpoint of step ${saved} in ${plan.folder} is untouched. ` +
        "Try a lower --learning-rate, or a --clip above 0",
    );
  const save = async () => {
    const step = trainer.stepsDone;
    const run = runState(plan, data, step, device.description);
    try {
      await saveCheckpoint(folder, { model, optimizer, tokenizer: data.tokenizer, run });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw diverged(`after step ${step} the model cannot be saved: ${error.message}`);
    }
    saved = step;
  };
  const sample = async (length: number) => {
    const topK = Math.min(200, data.tokenizer.vocabSize);
    const choices = { maxNewTokens: length, temperature: 0.8, topK, seed };
    const tokens: number[] = [];
    for await (const token of generator.generate(openingTokens(data.tokenizer), choices)) {
      tokens.push(token);
    }
    const written = data.tokenizer.decode(tokens);
    live?.sampled(trainer.stepsDone, written);
    return written;
  };
  const note = (line: string) => progress.note(line);
  const lines = [device.description, corpusLine, modelLine];
  live?.begin({ plan, data, model, past: metrics.lines, lines, sample, note });

  if (!plan.resume) await save(); // from here on the run can be resumed
  const started = performance.now() - 1000 * elapsedBefore(metrics);
  const interrupt = new AbortController();
  using _interrupt = onInterrupt(() => interrupt.abort());
  const loop = { steps: settings.steps, ...reports, ...held, signal: interrupt.signal };
  let validationLoss: number | undefined;
  try {
    for await (const event of trainingLoop(trainer, batches, loop)) {
      const { kind, step } = event;
      if (kind === "step") {
        if (step === plan.step + 1) progress.note(memoryLine(trainer.memoryReport()));
        progress.advance(step);
      } else if (kind === "figures") {
        const { loss, meanLoss, gradientNorm, learningRate, tokensPerSecond } = event;
        const elapsedSeconds = +((performance.now() - started) / 1000).toFixed(3);
        const speed = { tokensPerSecond, elapsedSeconds };
        await metrics.append({ step, loss, meanLoss, gradientNorm, learningRate, ...speed });
        progress.report({ step, loss, tokensPerSecond });
      } else if (kind === "validation") {
        validationLoss = event.validationLoss;
        await metrics.append({ step, validationLoss });
        progress.report({ step, validationLoss });
      } else if (kind === "sample") progress.note(await sample(120));
      else await save();
      await live?.take(event, progress.secondsLeft(step));
    }
  } catch (error) {
    if (!(error instanceof DivergenceError)) throw error;
    await live?.end("failed", error.message);
    throw diverged(error.message);
  }
  progress.finish();
  await save();
  if (interrupt.signal.aborted) {
    await live?.end("stopped");
    const again = `deno task train --out ${shellWord(plan.folder)} --resume`;
    console.log(`\nstopped after step ${trainer.stepsDone}; continue with: ${again}`);
    return Deno.exit(130);
  }
  console.log("");
  printSample("", await sample(300));
  await live?.end("finished");
  const names = ["config.json", "model.safetensors", "tokenizer.json"];
  names.push("optimizer.safetensors", "run.json", "metrics.jsonl");
  if (await drawLoss(plan, metrics)) names.push("loss.svg");
  if (validationLoss !== undefined) console.log(`\nvalidation loss ${validationLoss.toFixed(4)}`);
  else console.log("");
  console.log(`wrote ${plan.folder}/${names.join(", ")}`);
  const prompt = expressible(data.tokenizer, "ROMEO:") ? ' --prompt "ROMEO:"' : "";
  console.log(`try   deno task sample ${shellWord(plan.folder)}${prompt}`);
  device.close();
});

/** The model that the run starts from: new, or with the weights of a run. */
async function makeModel(
  { settings, folder, resume, initFrom }: Plan,
  { tokenizer }: TrainData,
): Promise<GPT> {
  const source = resume ? folder : initFrom;
  if (source) {
    const model = await loadModel(source, { dropout: settings.dropout });
    if (model.config.vocabSize !== tokenizer.vocabSize) {
      throw new UserError(
        `${source}: its model has ${model.config.vocabSize} tokens, the tokenizer ${tokenizer.vocabSize}`,
      );
    }
    return model;
  }
  return await userInput(() => modelOf(settings, tokenizer.vocabSize));
}
