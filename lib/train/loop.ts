/**
 * The training loop as a stream of events: it trains, evaluates and detects divergence, and waits
 * while its reader acts on an event (writes a log line, a checkpoint, a sample).
 *
 * See trainer.ts for a step and checkpoint.ts for files.
 *
 * @module
 */
import { yieldToEvents } from "../yield_to_events.ts";
import type { StepFigures } from "./figures.ts";
import { checkOptions } from "../options.ts";
import { expectValue, wholeNumber } from "../rules.ts";
import { type BatchSource, expectBatchSource } from "./device_batch.ts";
import { REPORT_RULES } from "./settings.ts";
import type { Trainer } from "./trainer.ts";

/** How far to train, and how often an event is due, in steps; 0 is never. */
export interface LoopOptions {
  /** Updates in total, including those of a resumed run's past. */
  steps: number;
  /** Steps between events of kind `figures`. Default 10. */
  logEvery?: number;
  /** Batches to evaluate on, from the first one each time. Default: no evaluation. */
  heldOut?: BatchSource & { state: number };
  /** Steps between events of kind `validation`. Default 250. */
  evalEvery?: number;
  /** Whether to evaluate before the first step, too. Default false. */
  evaluateFirst?: boolean;
  /** Batches in an evaluation. Default 20. */
  evalBatches?: number;
  /**
   * Batches in the evaluation after the last step. Default: 200, or `evalBatches` if that is more.
   */
  finalBatches?: number;
  /** Steps between events of kind `sample`. Default 0. */
  sampleEvery?: number;
  /** Steps between events of kind `checkpoint`, besides the one at the end. Default 0. */
  checkpointEvery?: number;
  /** Ends the loop after the current step or the current batch of an evaluation. */
  signal?: AbortSignal;
}

/** The options that are numbers. */
const RULES = {
  ...REPORT_RULES,
  steps: wholeNumber({ min: 0 }),
  finalBatches: REPORT_RULES.evalBatches,
};

/** What happened, or is due, after `step` updates. */
export type TrainingEvent =
  /** An update was made. */
  | { readonly kind: "step"; readonly step: number }
  /**
   * The loss of the last update; the speed is the mean since the last event of this kind, counting
   * only the time of training.
   */
  | LoggedFigures
  | Validation
  /** A sample is due. */
  | { readonly kind: "sample"; readonly step: number }
  /** A checkpoint is due, or the training has ended; all figures so far are finite. */
  | { readonly kind: "checkpoint"; readonly step: number };

/** The result of an evaluation. */
export interface Validation {
  /** Distinguishes it from other events. */
  readonly kind: "validation";
  /** Updates done. */
  readonly step: number;
  /** The mean loss on held-out batches, in nats per token. */
  readonly validationLoss: number;
  /**
   * The mean loss on the first `evalBatches` of them, on which every evaluation measures: compare
   * this one between steps.
   */
  readonly comparableLoss: number;
}

/** The figures of the last update. */
export interface LoggedFigures extends StepFigures {
  /** Distinguishes it from other events. */
  readonly kind: "figures";
  /** Updates done. */
  readonly step: number;
  /** The mean training loss of the updates since the last event of this kind. */
  readonly meanLoss: number;
  /** The rate of that update. */
  readonly learningRate: number;
  /** Training speed, of all processes together. */
  readonly tokensPerSecond: number;
  /** The fraction of the time that this process spent in MPI; absent without a world. */
  readonly communicationShare?: number;
}

/**
 * The loss or the gradient became NaN or infinite: everything since the last checkpoint is lost.
 */
export class DivergenceError extends Error {
  /** The message names the figure and its step. */
  override name = "DivergenceError";
}

/**
 * Trains until `steps` updates are done or the signal aborts, and yields an event for everything
 * that happens or is due.
 *
 * A checkpoint is also due after the last step, even if the signal has aborted. The last evaluation
 * follows it, so that nothing is lost if the process is stopped during the evaluation.
 *
 * ```ts
 * import { AdamW, Batches, GPT, openDevice, Trainer, trainingLoop } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 4, layers: 1, heads: 1, width: 16 });
 * const optimizer = new AdamW(model.parameters());
 * const trainer = new Trainer(model, optimizer, { learningRate: 1e-2 });
 * const tokens = Array.from({ length: 100 }, (_, i) => i % 8);
 * const batches = new Batches(tokens, { batchSize: 2, contextLength: 4 });
 * for await (const event of trainingLoop(trainer, batches, { steps: 50 })) {
 *   if (event.kind === "figures") console.log(event.step, event.loss);
 * }
 * device.close();
 * ```
 *
 * @throws {DivergenceError} if a step's loss or gradient norm is no longer finite, at the latest
 * before the next checkpoint
 * @throws {RangeError} if an option is out of range
 * @throws {TypeError} if an option is unknown
 */
export async function* trainingLoop(
  trainer: Trainer,
  batches: BatchSource,
  options: LoopOptions,
): AsyncGenerator<TrainingEvent, void, void> {
  checkLoop(options);
  const { steps, logEvery = 10, evalEvery = 250, evalBatches = 20, signal } = options;
  const { heldOut, evaluateFirst = false, sampleEvery = 0, checkpointEvery = 0 } = options;
  const { finalBatches = Math.max(200, evalBatches) } = options;
  const watch = new Stopwatch(trainer);
  const due = (every: number) => every > 0 && trainer.stepsDone % every === 0;
  let saved = trainer.stepsDone;
  if (heldOut && evaluateFirst && saved < steps) {
    yield* validation(trainer, heldOut, { batches: evalBatches, evalBatches, signal });
  }
  while (trainer.stepsDone < steps && !isStopped(trainer, signal)) {
    await watch.step(batches);
    const step = trainer.stepsDone;
    const last = step === steps;
    yield { kind: "step", step };
    const checkpoint = due(checkpointEvery) || last;
    if (due(logEvery) || trainer.figuresDue || step === 1 || checkpoint) {
      const figures = await watch.figures();
      if (logEvery > 0) yield figures;
    }
    if (heldOut && due(evalEvery) && !last) {
      yield* validation(trainer, heldOut, { batches: evalBatches, evalBatches, signal });
    }
    if (due(sampleEvery) && !signal?.aborted) yield { kind: "sample", step };
    if (checkpoint) yield { kind: "checkpoint", step: saved = step };
    await yieldToEvents();
  }
  if (watch.unread > 0) { // interrupted
    const figures = await watch.figures();
    if (logEvery > 0) yield figures;
  }
  const step = trainer.stepsDone;
  if (step > saved) yield { kind: "checkpoint", step };
  if (heldOut) yield* validation(trainer, heldOut, { batches: finalBatches, evalBatches, signal });
}

/** Evaluates on `batches` batches, unless the signal aborts before the end. */
async function* validation(
  trainer: Trainer,
  heldOut: BatchSource & { state: number },
  { batches, evalBatches, signal }: {
    batches: number;
    evalBatches: number;
    signal?: AbortSignal;
  },
): AsyncGenerator<Validation, void, void> {
  const lossOn = (count: number) => {
    heldOut.state = 0;
    return trainer.evaluate(heldOut, count, { signal });
  };
  try {
    const comparableLoss = await lossOn(evalBatches);
    const validationLoss = batches === evalBatches ? comparableLoss : await lossOn(batches);
    yield { kind: "validation", step: trainer.stepsDone, validationLoss, comparableLoss };
  } catch (error) {
    // With a world the signal may be another process's.
    const isOthers = trainer.world !== undefined && (error as Error)?.name === "AbortError";
    if (!signal?.aborted && !isOthers) throw error;
  }
}

/** Whether the signal has aborted: with a world, that of any process, so that all stop together. */
function isStopped({ world }: Trainer, signal: AbortSignal | undefined): boolean {
  const isAborted = signal?.aborted ?? false;
  return world ? world.any(isAborted) : isAborted;
}

function checkLoop(options: LoopOptions): void {
  checkOptions("trainingLoop", options, {
    ...RULES,
    heldOut: true,
    evaluateFirst: true,
    signal: true,
  });
  for (const name of Object.keys(RULES) as (keyof typeof RULES)[]) {
    const { [name]: value } = options;
    if (value === undefined && name !== "steps") continue;
    expectValue(`trainingLoop: ${name}`, RULES[name], value);
  }
  if (options.heldOut) expectBatchSource("trainingLoop: heldOut", options.heldOut);
}

/** Milliseconds of work to queue on a GPU; waiting for it costs Deno 10 ms. */
const AHEAD = 300;

/**
 * How many updates to queue on a GPU before waiting: two, or more if each takes few milliseconds.
 */
export function stepsInFlight(milliseconds: number): number {
  return Math.max(2, Math.floor(AHEAD / milliseconds));
}

/** Makes updates and reads their figures, and times both. */
class Stopwatch {
  /** Updates whose figures were not read. */
  unread = 0;
  #milliseconds = 0;
  /** Milliseconds per update, as of the last figures. */
  #perStep = Infinity;
  #inFlight = 0;
  /** Milliseconds of the updates that were spent in MPI. */
  #communicated = 0;

  constructor(readonly trainer: Trainer) {}

  async step(batches: BatchSource): Promise<void> {
    const before = performance.now();
    const { world } = this.trainer;
    const communicated = world?.milliseconds ?? 0;
    const { device } = this.trainer.model.parameters()[0];
    if (device.traits.isAsynchronous && ++this.#inFlight > stepsInFlight(this.#perStep)) {
      await device.finish();
      this.#inFlight = 1;
    }
    await this.trainer.step(batches);
    this.#milliseconds += performance.now() - before;
    if (world) this.#communicated += world.milliseconds - communicated;
    this.unread++;
  }

  /** The fraction of the time since the last figures that was spent in MPI. */
  #communicationShare(): number | undefined {
    if (!this.trainer.world) return undefined;
    return Number((this.#communicated / this.#milliseconds).toPrecision(3));
  }

  /**
   * The last update's figures.
   *
   * @throws {DivergenceError} if a figure since the last call is not finite
   */
  async figures(): Promise<LoggedFigures> {
    const { tokensPerStep, stepsDone: step } = this.trainer;
    const before = performance.now();
    const figures = await this.trainer.figures();
    this.#milliseconds += performance.now() - before;
    expectFinite(figures, step - figures.length + 1);
    const tokensPerSecond = Math.round(this.unread * tokensPerStep / this.#milliseconds * 1000);
    this.#perStep = this.#milliseconds / this.unread;
    this.#inFlight = 0;
    const communicationShare = this.#communicationShare();
    this.unread = this.#milliseconds = this.#communicated = 0;
    const learningRate = this.trainer.learningRateAt(step - 1);
    const meanLoss = figures.reduce((sum, { loss }) => sum + loss, 0) / figures.length;
    return {
      kind: "figures",
      step,
      ...figures.at(-1)!,
      meanLoss,
      learningRate,
      tokensPerSecond,
      ...communicationShare === undefined ? {} : { communicationShare },
    };
  }
}

/** Throws a DivergenceError if a figure of the steps from `firstStep` on is not finite. */
export function expectFinite(figures: readonly StepFigures[], firstStep: number): void {
  figures.forEach(({ loss, gradientNorm }, i) => {
    if (Number.isFinite(loss + gradientNorm)) return;
    const what = Number.isFinite(loss)
      ? `gradient norm became ${gradientNorm}`
      : `loss became ${loss}`;
    throw new DivergenceError(`the ${what} at step ${firstStep + i}`);
  });
}
