/**
 * A run of `deno task train` or `finetune` while it trains: its log, its progress bar, its
 * checkpoints, its best model and its samples. complete_run.ts has the loop.
 *
 * @module
 */
import { formatCount, formatItems, formatLoss } from "../../lib/cli/numbers.ts";
import { print } from "../../lib/cli/output.ts";
import { printSample } from "../../lib/cli/print_sample.ts";
import { TrainingProgress } from "../../lib/cli/progress.ts";
import {
  beginCheckpoint,
  BestModel,
  type Checkpoint,
  type CheckpointFolder,
  type Device,
  DivergenceError,
  expressible,
  generate,
  holdsCheckpoint,
  type LoggedFigures,
  type Metrics,
  MetricsLog,
  type ModelToSave,
  openingTokens,
  saveCheckpoint,
  type Trainer,
  type TrainingEvent,
  UserError,
  type Validation,
} from "../../mod.ts";
import type { TrainData } from "./data.ts";
import type { InitialModel } from "./initial_model.ts";
import type { LiveRun } from "./live.ts";
import { commandOf, type Plan } from "./choices.ts";
import { drawAdapter, drawLoss, elapsedSeconds, memoryLine, runRecord } from "./record.ts";
import { removeReplaced } from "./run_folder.ts";
import { EVENT_FILE, EventLog } from "./tensorboard.ts";

/** Tokens of a sample while training, and of the one at the end. */
const SAMPLE_TOKENS = { training: 120, end: 300 };

/** The parts of a run. */
export interface RunParts {
  /** Folder and settings. */
  readonly plan: Plan;
  /** The corpus. */
  readonly data: TrainData;
  /** What computes. */
  readonly device: Device;
  /** Model, optimizer and training step. */
  readonly trainer: Trainer;
  /** The run's folder, locked. */
  readonly folder: CheckpointFolder;
  /** The live page, if there is one. */
  readonly live: LiveRun | undefined;
  /** Whether to write an event file for TensorBoard. */
  readonly tensorboard: boolean;
  /** The tokens that begin and end a text. */
  readonly ends: Omit<InitialModel, "model">;
  /** Interrupts the training, and a sample. */
  readonly interrupt: AbortSignal;
}

/** Logs, saves and samples while a model is trained. */
export class Run {
  readonly #parts: RunParts;
  readonly #metrics: MetricsLog;
  readonly #best: BestModel;
  /** The same metrics for TensorBoard, with `--tensorboard`. */
  #events: EventLog | undefined;
  readonly #progress: TrainingProgress;
  readonly #end = new AbortController();
  /** When the run would have started, had it never stopped, in milliseconds. */
  readonly #startedAt: number;
  /** The step of the checkpoint in the folder, if there is one. */
  #savedStep: number | undefined;
  /** The save of a new run, during its first step. */
  #initialSave: Promise<void> = Promise.resolve();
  #validationLoss: number | undefined;

  private constructor(parts: RunParts, metrics: MetricsLog, best: BestModel) {
    const { plan: { step, settings } } = parts;
    this.#parts = parts;
    this.#metrics = metrics;
    this.#best = best;
    this.#progress = new TrainingProgress(settings.steps, { firstStep: step });
    this.#startedAt = performance.now() - 1000 * elapsedSeconds(metrics);
    if (parts.plan.resume) this.#savedStep = step;
    parts.interrupt.addEventListener("abort", () => {
      this.#end.abort();
      this.#progress.note("saving and stopping; another Ctrl-C stops without saving");
    });
    this.#stopIfOutOfPatience();
  }

  /**
   * Describes the run, and begins to save a new one, so that it can be resumed from its first
   * moment.
   */
  static async begin(parts: RunParts): Promise<Run> {
    const { plan } = parts;
    const best = await BestModel.open(plan.folder);
    if (plan.force) await best.remove();
    const metrics = await MetricsLog.open(`${plan.folder}/metrics.jsonl`, plan.step);
    const run = new Run(parts, metrics, best);
    if (parts.tensorboard) run.#events = await EventLog.open(plan.folder, run.#metrics.lines);
    run.#describe();
    if (!plan.resume) await run.#beginInitialSave();
    return run;
  }

  /** Ends the training: aborted by the interrupt, or if the run is out of patience. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Whether the evaluation after the step that this run resumes from was interrupted. */
  get owesEvaluation(): boolean {
    const { step, reports: { evalEvery } } = this.#parts.plan;
    return step > 0 && step % evalEvery === 0 && !this.#evaluatedSteps().includes(step);
  }

  /** Acts on an event of the training loop: logs it, or saves or samples if that is due. */
  async handle(event: TrainingEvent): Promise<void> {
    const { kind, step } = event;
    if (kind === "step") this.#advance(step);
    else if (kind === "figures") await this.#logFigures(event);
    else if (kind === "validation") await this.#evaluated(event);
    else if (kind === "sample") this.#progress.note(await this.sample(SAMPLE_TOKENS.training));
    else await this.#save();
    if (kind !== "step") await this.#initialSave;
    await this.#parts.live?.handle(event, this.#progress.secondsLeft(step));
  }

  /** Generates a text of at most `maxNewTokens` tokens, which ends at an end token. */
  async sample(maxNewTokens: number): Promise<string> {
    const { data: { tokenizer }, plan: { settings: { seed } }, trainer, live } = this.#parts;
    const { ends: { endTokens }, interrupt: signal } = this.#parts;
    const { text = "" } = await generate(trainer.model, openingTokens(tokenizer), {
      tokenizer,
      maxNewTokens,
      endToken: endTokens,
      temperature: 0.8,
      topK: Math.min(200, tokenizer.vocabSize),
      seed,
      signal,
    });
    live?.sampled(trainer.stepsDone, text);
    return text;
  }

  /** Says how to continue a run that was interrupted. */
  async reportStop(): Promise<void> {
    const { plan, trainer, live } = this.#parts;
    await this.#initialSave;
    this.#progress.finish();
    await live?.end("stopped");
    print(
      `\nstopped after step ${trainer.stepsDone}; continue with: ${resumeCommand(plan)}`,
    );
  }

  /** Shows a sample, the validation loss and the files of a finished run. */
  async reportResult(): Promise<void> {
    const { plan: { folder, preset }, ends: { adapter }, live } = this.#parts;
    this.#progress.finish();
    if (this.signal.aborted) print(this.#earlyStop());
    print();
    printSample("", await this.sample(SAMPLE_TOKENS.end));
    await live?.end("finished");
    const names = [...this.#modelNames(), "optimizer.safetensors", "run.json"];
    if (this.#metrics.lines.length > 0) {
      names.push("metrics.jsonl");
      if (await drawLoss(folder, { preset })) names.push("loss.svg");
    }
    if (adapter && await drawAdapter(folder, adapter)) names.push("adapter.svg");
    if (this.#events) names.push(EVENT_FILE);
    if (this.#best.record) names.push("best/");
    const loss = this.#validationLoss;
    print(loss === undefined ? "" : `\nvalidation loss ${formatLoss(loss)}${this.#bestLoss()}`);
    print(`wrote ${folder}/${names.join(", ")}`);
    print(`try   ${this.#sampleCommand()}`);
  }

  #sampleCommand(): string {
    const { plan: { folder, finetune }, data: { tokenizer }, ends: { adapter } } = this.#parts;
    if (finetune && adapter) {
      const places = `${shellWord(finetune.base)} --adapter ${shellWord(folder)}`;
      return `deno task sample ${places} --side-by-side`;
    }
    // A tokenizer with <unk> takes every text, and gives it back only if it has its words.
    const knows = expressible(tokenizer, "ROMEO:") &&
      tokenizer.decode(tokenizer.encode("ROMEO:")) === "ROMEO:";
    const prompt = knows ? ' --prompt "ROMEO:"' : "";
    return `deno task sample ${shellWord(folder)}${prompt}`;
  }

  /** The error to report for one that ended the loop; divergence becomes advice. */
  async failure(error: unknown): Promise<unknown> {
    await this.#initialSave.catch(() => {}); // the first error is the one to report
    if (!(error instanceof DivergenceError)) return error;
    await this.#parts.live?.end("failed", error.message);
    return this.#diverged(error.message);
  }

  #describe(): void {
    const { plan, data, device, trainer: { model }, ends, live } = this.#parts;
    const { layers, heads, width, context } = plan.settings;
    const corpus = `${data.source}: ${formatCount(data.train.length)} tokens to train on, ` +
      `${formatCount(data.validation.length)} held out`;
    const shape = `${formatItems(layers, "layer")}, ${formatItems(heads, "head")}, ` +
      `width ${width}, context ${context}, ${formatItems(model.parameterCount, "parameter")}`;
    print(`corpus   ${corpus}\nmodel    ${shape}`);
    live?.begin({
      plan,
      data,
      model,
      past: this.#metrics.lines,
      isAdapter: ends.adapter !== undefined,
      lines: [device.description, corpus, shape],
      sample: (tokens) => this.sample(tokens),
      note: (line) => this.#progress.note(line),
    });
  }

  #advance(step: number): void {
    const { plan, trainer } = this.#parts;
    if (step === plan.step + 1) this.#progress.note(memoryLine(trainer.memoryReport()));
    this.#progress.advance(step);
  }

  async #logFigures(figures: LoggedFigures): Promise<void> {
    const { step, loss, meanLoss, gradientNorm, learningRate, tokensPerSecond } = figures;
    const { communicationShare } = figures;
    const elapsedSeconds = +((performance.now() - this.#startedAt) / 1000).toFixed(3);
    const speed = { tokensPerSecond, elapsedSeconds, communicationShare };
    await this.#append({ step, loss, meanLoss, gradientNorm, learningRate, ...speed });
    this.#progress.report({ step, loss, tokensPerSecond });
  }

  async #evaluated({ step, validationLoss, comparableLoss }: Validation): Promise<void> {
    this.#validationLoss = validationLoss;
    // The best model first: after a kill in between, the resumed run evaluates this step again.
    const record = { step, validationLoss: comparableLoss };
    const { optimizer } = this.#parts.trainer;
    const isBest = await optimizer.withAverage(() => this.#best.offer(record, this.#model()));
    // A finished run that is resumed is only evaluated again.
    const isLogged = this.#evaluatedSteps().includes(step);
    if (!isLogged) await this.#append({ step, validationLoss });
    this.#progress.report({ step, validationLoss, isBest });
    this.#stopIfOutOfPatience();
  }

  /** The steps after which held-out text was measured. */
  #evaluatedSteps(): number[] {
    return this.#metrics.lines.filter((line) => "validationLoss" in line).map(({ step }) => step);
  }

  #stopIfOutOfPatience(): void {
    const { patience = 0 } = this.#parts.plan;
    if (this.#best.isOutOfPatience(patience, this.#evaluatedSteps())) this.#end.abort();
  }

  #earlyStop(): string {
    const { plan, trainer } = this.#parts;
    const { patience } = plan;
    return `stopped early after step ${trainer.stepsDone}: ${
      formatItems(patience!, "evaluation")
    } ` +
      `without a lower validation loss; --patience 0 goes on: ${resumeCommand(plan)} --patience 0`;
  }

  /** For example `; the lowest, 1.8912 after step 250, is in runs/baby/best`. */
  #bestLoss(): string {
    const { path, record } = this.#best;
    if (!record || record.step === this.#parts.trainer.stepsDone) return "";
    const { step, validationLoss } = record;
    return `; the lowest, ${formatLoss(validationLoss)} after step ${step}, is in ${path}`;
  }

  #model(): ModelToSave {
    const { trainer: { model }, data: { tokenizer }, ends, plan: { finetune } } = this.#parts;
    return { model, tokenizer, ...ends, base: finetune?.base };
  }

  /** Names of the files that hold the model and its tokenizer. */
  #modelNames(): string[] {
    const { ends: { adapter }, data: { tokenizer } } = this.#parts;
    const names = adapter
      ? ["adapter_config.json", "adapter_model.safetensors"]
      : ["config.json", "generation_config.json", "model.safetensors"];
    return [...names, ...tokenizer.files().keys()];
  }

  async #append(metrics: Metrics): Promise<void> {
    await this.#metrics.append(metrics);
    await this.#events?.append(metrics);
  }

  async #save(): Promise<void> {
    const { folder, trainer: { stepsDone } } = this.#parts;
    await this.#initialSave;
    await this.#expectFinite(() => saveCheckpoint(folder, this.#checkpoint()));
    this.#savedStep = stepsDone;
    this.#parts.live?.saved();
  }

  /** Reads what a new run saves; it is written while the first step is made. */
  async #beginInitialSave(): Promise<void> {
    const { folder, plan } = this.#parts;
    const { saved } = await this.#expectFinite(() => beginCheckpoint(folder, this.#checkpoint()));
    this.#initialSave = saved.then(async () => {
      this.#savedStep = plan.step;
      if (plan.force) await removeReplaced(plan.folder, this.#modelNames());
      this.#parts.live?.saved();
    });
    this.#initialSave.catch(() => {}); // reported by what waits for it
  }

  #checkpoint(): Checkpoint {
    const { plan, data, device, trainer } = this.#parts;
    const { optimizer, stepsDone: step } = trainer;
    // Without --dataset the corpus is one of two, by what could be downloaded.
    const run = runRecord({ ...plan, dataset: plan.dataset ?? data.source }, {
      step,
      corpusHash: data.hash,
      sequencesSeen: this.#sequencesSeen(),
      processes: trainer.world?.size,
      device: device.description,
      datasetPath: data.path,
    });
    return { ...this.#model(), optimizer, run };
  }

  /** A weight that is not finite becomes advice. */
  async #expectFinite<T>(save: () => Promise<T>): Promise<T> {
    try {
      return await save();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const { stepsDone } = this.#parts.trainer;
      throw this.#diverged(`after step ${stepsDone} the model cannot be saved: ${error.message}`);
    }
  }

  #sequencesSeen(): number {
    const { plan: { step, sequencesSeen, settings }, trainer } = this.#parts;
    return sequencesSeen + (trainer.stepsDone - step) * settings.accumulate * settings.batch *
        (trainer.world?.size ?? 1);
  }

  /** The error for a divergence: what diverged, what is saved, and what to do. */
  #diverged(what: string): UserError {
    const { plan } = this.#parts;
    const { folder, settings: { learningRate, clip } } = plan;
    const saved = this.#savedStep !== undefined && holdsCheckpoint(folder)
      ? `; the checkpoint of step ${this.#savedStep} in ${folder} is untouched`
      : "";
    const rate = Number((learningRate / 3).toPrecision(1));
    const flags = `--learning-rate ${rate}${clip === 0 ? " --clip 1" : ""}`;
    const advice = this.#savedStep
      ? `continue from it with a lower rate: ${resumeCommand(plan)} ${flags}`
      : `start again with a lower rate, such as ${flags}${saved === "" ? "" : " --force"}`;
    return new UserError(`training: ${what}${saved}; ${advice}`);
  }
}

function resumeCommand(plan: Plan): string {
  return `${commandOf(plan)} --out ${shellWord(plan.folder)} --resume`;
}

/** A path as a shell reads it. */
function shellWord(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
