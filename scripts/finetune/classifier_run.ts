/**
 * A run with `--labels` while it trains: its log, its checkpoints, its best epoch and the live
 * page.
 *
 * lib/train/classifier_loop.ts makes the steps; classifier_report.ts writes the result.
 *
 * @module
 */
import { formatLoss } from "../../lib/cli/numbers.ts";
import { print } from "../../lib/cli/output.ts";
import { TrainingProgress } from "../../lib/cli/progress.ts";
import {
  BestClassifier,
  type CheckpointFolder,
  type ClassifierEvent,
  type ClassifierMeasure,
  type ClassifierTrainer,
  type ClassifierValidation,
  type Device,
  DivergenceError,
  holdsCheckpoint,
  type LoggedFigures,
  measureClassifier,
  type MeasuredEpoch,
  type Metrics,
  MetricsLog,
  saveClassifierCheckpoint,
  type TrainedClassifier,
  UserError,
} from "../../mod.ts";
import { elapsedSeconds, memoryLine } from "../train/record.ts";
import { removeReplaced } from "../train/run_folder.ts";
import { EVENT_FILE, EventLog } from "../train/tensorboard.ts";
import { type ClassifierChoices, classifierRecord } from "./classifier_settings.ts";
import type { ClassifierStart } from "./classifier_start.ts";
import { roundedEpoch } from "./classifier_training.ts";
import type { EncodedParts } from "./labeled_parts.ts";
import type { LiveClassifier } from "./live_classifier.ts";

/** The parts of a run. */
export interface ClassifierRunParts {
  readonly choices: ClassifierChoices;
  readonly start: ClassifierStart;
  readonly encoded: EncodedParts;
  readonly trainer: ClassifierTrainer;
  readonly device: Device;
  /** The run's folder, locked. */
  readonly folder: CheckpointFolder;
  readonly live: LiveClassifier | undefined;
  /** Updates in all. */
  readonly steps: number;
  /** Updates done before, with `--resume`. */
  readonly resumedAt?: number;
  /** Whether a new run may replace what the folder holds. */
  readonly force: boolean;
  /** Whether to write an event file for TensorBoard. */
  readonly tensorboard: boolean;
}

/** Logs, saves and measures while a classifier is trained. */
export class ClassifierRun {
  readonly #parts: ClassifierRunParts;
  readonly #metrics: MetricsLog;
  /** The same metrics for TensorBoard, with `--tensorboard`. */
  #events: EventLog | undefined;
  readonly #best: BestClassifier;
  readonly #progress: TrainingProgress;
  /** When the run would have started, had it never stopped, in milliseconds. */
  readonly #startedAt: number;
  /** The last measure on the texts to choose by. */
  #last: ClassifierValidation | undefined;

  private constructor(parts: ClassifierRunParts, metrics: MetricsLog, best: BestClassifier) {
    const { steps, resumedAt: firstStep = 0 } = parts;
    this.#parts = parts;
    this.#metrics = metrics;
    this.#best = best;
    this.#progress = new TrainingProgress(steps, { firstStep });
    this.#startedAt = performance.now() - 1000 * elapsedSeconds(metrics);
  }

  /** Begins a run, and saves a new one, so that it can be resumed from its first moment. */
  static async begin(parts: ClassifierRunParts): Promise<ClassifierRun> {
    const { folder: { path }, resumedAt, live, steps, start, device } = parts;
    const best = await BestClassifier.open(path);
    if (resumedAt === undefined) await best.remove();
    const metrics = await MetricsLog.open(`${path}/metrics.jsonl`, resumedAt ?? 0);
    const run = new ClassifierRun(parts, metrics, best);
    if (parts.tensorboard) run.#events = await EventLog.open(path, metrics.lines);
    const lines = [device.description, ...start.lines];
    live?.begin({
      folder: path,
      lines,
      steps,
      firstStep: resumedAt ?? 0,
      past: metrics.lines,
    });
    if (resumedAt === undefined) await run.#save();
    if (parts.force) await removeReplaced(path, []);
    return run;
  }

  /** Whether the epoch that this run resumes from was not measured. */
  get owesEvaluation(): boolean {
    const { resumedAt: step = 0, steps } = this.#parts;
    const isMeasured = step % this.#perEpoch === 0 || step === steps;
    return step > 0 && isMeasured && !this.#measuredSteps().includes(step);
  }

  /** Updates in an epoch. */
  get #perEpoch(): number {
    const { encoded, choices: { settings: { batch } } } = this.#parts;
    return Math.ceil(encoded.train.length / batch);
  }

  /** Seconds of training so far. */
  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  /** Acts on an event of the training loop: logs it, measures or saves. */
  async handle(event: ClassifierEvent): Promise<void> {
    const { kind, step } = event;
    if (kind === "step") this.#advance(step);
    else if (kind === "figures") await this.#logFigures(event);
    else if (kind === "validation") await this.#measured(event);
    else await this.#save();
    this.#parts.live?.progress(step, this.#progress.secondsLeft(step));
  }

  /**
   * What was measured with the best epoch, or with the last one if there is nothing to choose by.
   */
  async result(): Promise<{ chosen: MeasuredEpoch; last: MeasuredEpoch }> {
    this.#progress.finish();
    const { trainer, encoded } = this.#parts;
    const { record } = this.#best;
    const step = trainer.stepsDone;
    if (record?.step === step) return { chosen: record, last: record };
    const measure = this.#last ?? // a finished run that is resumed
      (encoded.validation.length > 0
        ? await measureClassifier(trainer.classifier, encoded.validation)
        : undefined);
    const epoch = step / this.#perEpoch;
    const last = await this.#measureEpoch({ step, epoch }, measure);
    return { chosen: record ?? last, last };
  }

  /** Saves the model after the last step with the run's reports; returns the names of all files. */
  async saveResult(texts: ReadonlyMap<string, string>): Promise<string[]> {
    const files = await this.#save({ model: this.#model(), texts });
    await this.#parts.live?.end("finished");
    const others = ["metrics.jsonl", ...this.#events ? [EVENT_FILE] : []];
    return [...files, ...others, ...this.#best.record ? ["best/"] : []];
  }

  /** The folder of the model to use: that of the best epoch, if there is one. */
  get chosenFolder(): string {
    return this.#best.record ? this.#best.path : this.#parts.folder.path;
  }

  /** Says how to continue a run that was interrupted. */
  async reportStop(): Promise<void> {
    const { trainer, folder: { path }, live } = this.#parts;
    this.#progress.finish();
    await live?.end("stopped");
    print(
      `\nstopped after step ${trainer.stepsDone}; continue with: deno task finetune --out ${path} ` +
        "--resume",
    );
  }

  /** The error to report for one that ended the loop; divergence becomes advice. */
  async failure(error: unknown): Promise<unknown> {
    if (!(error instanceof DivergenceError)) return error;
    const { live, folder: { path }, choices: { settings } } = this.#parts;
    await live?.end("failed", error.message);
    const rate = Number((settings.learningRate / 3).toPrecision(1));
    const saved = holdsCheckpoint(path) ? `; the last checkpoint in ${path} is untouched` : "";
    return new UserError(
      `training: ${error.message}${saved}; start again with a lower rate, such as ` +
        `--learning-rate ${rate} --force`,
    );
  }

  #advance(step: number): void {
    const { trainer: { optimizer, activationBytes }, device, resumedAt = 0 } = this.#parts;
    if (step === resumedAt + 1) {
      const { parameters, gradients, state } = optimizer.bytes();
      const { scratch } = device.memory();
      const used = { parameters, gradients, optimizer: state, activations: activationBytes };
      this.#progress.note(memoryLine({ ...used, evaluation: 0, scratch }));
    }
    this.#progress.advance(step);
  }

  async #logFigures(figures: LoggedFigures): Promise<void> {
    const { kind: _, tokensPerSecond, ...rest } = figures;
    const elapsedSeconds = +this.seconds.toFixed(3);
    await this.#append({ ...rest, tokensPerSecond, elapsedSeconds });
    this.#progress.report({ step: figures.step, loss: figures.loss, tokensPerSecond });
  }

  async #measured(event: ClassifierValidation): Promise<void> {
    const { step, epoch, loss, report: { accuracy } } = event;
    this.#last = event;
    const isBest = this.#best.isBest({ step, accuracy });
    // The best epoch first: after a kill in between, the resumed run measures this one again.
    if (isBest) {
      await this.#best.save(await this.#measureEpoch(event, event), this.#model());
    }
    if (!this.#measuredSteps().includes(step)) {
      await this.#append({ step, validationLoss: loss, validationAccuracy: accuracy });
    }
    const epochs = roundedEpoch(this.#parts.steps / this.#perEpoch);
    this.#progress.note(
      `epoch ${roundedEpoch(epoch)}/${epochs}  validation loss ${formatLoss(loss)}  accuracy ${
        accuracy.toFixed(4)
      }${isBest ? " (best)" : ""}`,
    );
  }

  /** An epoch with what the model predicts of the texts to measure on. */
  async #measureEpoch(
    { step, epoch }: Pick<MeasuredEpoch, "step" | "epoch">,
    chosenBy: ClassifierMeasure | undefined,
  ): Promise<MeasuredEpoch> {
    const { trainer: { classifier }, encoded: { test } } = this.#parts;
    const measure = test.length > 0 ? await measureClassifier(classifier, test) : undefined;
    const predicted = [...measure?.predicted ?? chosenBy?.predicted ?? []];
    return {
      step,
      epoch: roundedEpoch(epoch),
      validation: chosenBy?.report,
      test: measure?.report,
      predicted,
    };
  }

  #model(): TrainedClassifier {
    const { start: { classifier, tokenizer, adapter }, choices: { base } } = this.#parts;
    return { classifier, tokenizer, adapter, base };
  }

  /** The steps after which the texts to choose by were measured. */
  #measuredSteps(): number[] {
    return this.#metrics.lines.filter((line) => "validationLoss" in line).map(({ step }) => step);
  }

  async #append(metrics: Metrics): Promise<void> {
    await this.#metrics.append(metrics);
    await this.#events?.append(metrics);
    this.#parts.live?.measured(metrics);
  }

  /** A checkpoint: what training continues from and, at the end, the model and the reports. */
  async #save(
    result: { model?: TrainedClassifier; texts?: ReadonlyMap<string, string> } = {},
  ): Promise<string[]> {
    const { folder, choices, device, start: { parameters }, trainer } = this.#parts;
    const { optimizer, stepsDone: step } = trainer;
    const run = classifierRecord(choices, { step, device: device.description });
    return await saveClassifierCheckpoint(folder, { parameters, optimizer, run, ...result });
  }
}
