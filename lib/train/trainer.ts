/**
 * The training step and the evaluation, each compiled into one program.
 *
 * See loop.ts for a whole run, checkpoint.ts for files and device_batch.ts for batches.
 *
 * @module
 */
import { describe } from "../errors.ts";
import { ForwardContext } from "../nn/context.ts";
import { expectModel } from "../nn/expect_model.ts";
import type { GPT } from "../nn/gpt.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { rateAt, type Schedule } from "../optim/schedules.ts";
import { checkOptions } from "../options.ts";
import { isTracked, valueAndGrad, withoutTape } from "../tensor/autograd.ts";
import { mul } from "../ops/binary.ts";
import { reshape } from "../ops/reshape.ts";
import { IGNORED } from "../ops/cross_entropy.ts";
import { compile, type Compiled, type ProgramReport } from "../tensor/compile.ts";
import { keep } from "../tensor/scope.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import { expectValue } from "../rules.ts";
import { yieldToEvents } from "../yield_to_events.ts";
import { type BatchSource, DeviceBatch, expectBatchSource } from "./device_batch.ts";
import { accumulate, type LossAndGradients } from "./accumulate.ts";
import { checkedTeacher, distillationLoss, type Teacher } from "./distillation.ts";
import { FigureRing, type StepFigures } from "./figures.ts";
import { SETTING_RULES } from "./settings.ts";
import { expectStepOptions } from "./step_options.ts";
import { World } from "./world.ts";

/** Options of a `Trainer`. */
export interface TrainerOptions {
  /** The learning rate: one for all steps, or a function of the step, counted from 0. */
  learningRate: number | Schedule;
  /** Batches per update (gradient accumulation), from 1 to 1024. Default 1. */
  accumulate?: number;
  /** Seed of dropout, an integer in [0, 2^32). Default 0. */
  seed?: number;
  /**
   * Recompute activations in the backward pass (gradient checkpointing): only each block's input is
   * kept. Less memory, about a third more time, the same bits. Default false.
   */
  recomputeActivations?: boolean;
  /**
   * The processes that train together, each on its share of an update's batches; `accumulate` is
   * per process. Default: this process alone.
   */
  world?: World;
  /**
   * A frozen model from whose predictions this one learns too, by `distillationLoss`; figures and
   * gradients are of that loss, `evaluate` stays the cross-entropy. The logits of a batch are kept
   * for both models. Default: none.
   */
  teacher?: Teacher;
}

const OPTIONS = {
  learningRate: true,
  accumulate: true,
  seed: true,
  recomputeActivations: true,
  world: "none",
  teacher: "none",
};

const BATCH_HINT = "the batches say it: new Batches(tokens, { batchSize, contextLength })";
const HINTS = { batchSize: BATCH_HINT, contextLength: BATCH_HINT };

/** Memory that training takes on the device, in bytes. */
export interface MemoryReport {
  /** Parameters, each aligned to 256 bytes. */
  readonly parameters: number;
  /** One gradient per parameter. */
  readonly gradients: number;
  /** State of the optimizer: two moments per parameter for AdamW. */
  readonly optimizer: number;
  /** Intermediate results of a step, mostly activations; 0 before the first step. */
  readonly activations: number;
  /** Intermediate results of an evaluation; 0 before the first one. */
  readonly evaluation: number;
  /**
   * Scratch memory of the device's kernels, of all threads together; it grows to what the largest
   * launch so far has needed.
   */
  readonly scratch: number;
}

/** Steps between two comparisons of the parameters of all processes. */
const COMPARE_EVERY = 100;

/**
 * Trains a model: each `step` draws batches and runs one program (forward, backward, update).
 *
 * The program is compiled in the first step, for the shape of its batches.
 *
 * ```ts
 * import { AdamW, Batches, GPT, openDevice, Trainer } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 4, layers: 1, heads: 1, width: 16 });
 * const optimizer = new AdamW(model.parameters());
 * const trainer = new Trainer(model, optimizer, { learningRate: 1e-2 });
 * const tokens = Array.from({ length: 100 }, (_, i) => i % 8);
 * const batches = new Batches(tokens, { batchSize: 2, contextLength: 4 });
 * for (let i = 0; i < 50; i++) trainer.step(batches);
 * const figures = await trainer.figures();
 * console.log(figures[0].loss, figures[49].loss); // 2.08, then near 0
 * device.close();
 * ```
 */
export class Trainer {
  /** The options, defaults filled in. */
  readonly options: Required<Omit<TrainerOptions, "world" | "teacher">>;
  /** The processes that train together; undefined if this one trains alone. */
  readonly world: World | undefined;
  /** The model that this one learns from; undefined if there is none. */
  readonly teacher: Required<Teacher> | undefined;
  /** The batches of one update, in the shape of the first step's. */
  readonly #batches: DeviceBatch[] = [];
  readonly #randomState: Tensor;
  readonly #ring: FigureRing;
  /** A whole update. */
  readonly #program: Compiled<[], Tensor>;
  /** Its two halves, between which processes add their gradients. */
  readonly #backward: Compiled<[], Tensor>;
  readonly #apply: Compiled<[Tensor], Tensor>;
  #isShared = false;
  #evaluation: { batch: DeviceBatch; loss: Compiled<[], Tensor> } | undefined;

  /**
   * Makes a trainer; nothing is computed before the first step.
   *
   * @throws {TypeError} if the model or the optimizer is of another kind, or an option is unknown
   * @throws {RangeError} if an option is out of range
   */
  constructor(readonly model: GPT, readonly optimizer: Optimizer, options: TrainerOptions) {
    expectModel("Trainer", model);
    this.options = checked(optimizer, options);
    const { world, teacher } = options;
    this.teacher = teacher && checkedTeacher("Trainer: teacher", teacher, model);
    this.world = world && world.size > 1 ? world : undefined;
    const { device } = model.parameters()[0];
    this.#randomState = keep(zeros([2], { dtype: "i32", device }));
    this.#ring = new FigureRing(device);
    this.#program = compile(() => {
      const { value, gradients } = this.#recordGradients();
      return this.#record(value, optimizer.update(gradients));
    });
    this.#backward = compile(() => {
      const { value, gradients } = this.#recordGradients();
      optimizer.gather(gradients);
      return value;
    });
    this.#apply = compile((value) => this.#record(value, optimizer.apply()));
  }

  /** Updates done so far. */
  get stepsDone(): number {
    return this.optimizer.stepsDone;
  }

  /** Tokens per update, of all processes; 0 before the first step. */
  get tokensPerStep(): number {
    return sumOf(this.#batches.map(({ inputs }) => inputs.size)) * (this.world?.size ?? 1);
  }

  /** The learning rate of a step, counted from 0. */
  learningRateAt(step: number): number {
    return rateAt(this.options.learningRate, step);
  }

  /** Launches and memory of the step's program; undefined before the first step. */
  get report(): ProgramReport | undefined {
    return (this.world ? this.#backward : this.#program).report;
  }

  /** Memory of training by use, without the token ids of a batch and the figures (some kB). */
  memoryReport(): MemoryReport {
    const { parameters, gradients, state } = this.optimizer.bytes();
    return {
      parameters,
      gradients,
      optimizer: state,
      activations: this.report?.bytes ?? 0,
      evaluation: this.#evaluation?.loss.report?.bytes ?? 0,
      scratch: this.model.parameters()[0].device.memory().scratch,
    };
  }

  /** True if `figures` must be called before the next step. */
  get figuresDue(): boolean {
    return this.#ring.isFull;
  }

  /**
   * Draws batches and makes one update. The loss is the mean over the targets of all batches that
   * are not −100. It is read by `figures`, so that `step` does not wait for a GPU.
   *
   * With a world it returns a promise to await: process r of N draws batches r·A to r·A + A − 1 of
   * the update's N·A, all add their gradients and make the same update. The first step takes over
   * the parameters and the optimizer's state of process 0.
   *
   * @throws {Error} if the figures of 256 steps are unread, or the loss depends on no parameter of
   *   the optimizer
   * @throws {RangeError} if the batches have another shape than the first, an id is outside the
   *   model's vocabulary, or no target counts
   */
  step(batches: BatchSource): Promise<void> | undefined {
    this.#ring.expectRoom("Trainer");
    this.#expectBatches(batches);
    if (this.world) return this.#stepTogether(batches, this.world);
    const counts = this.#batches.map((batch) => batch.write(batches));
    this.#prepare(counts, sumOf(counts));
    this.#program();
    this.#ring.noteRun();
  }

  async #stepTogether(batches: BatchSource, world: World): Promise<void> {
    if (!this.#isShared) await this.#takeOver(world);
    const counts = this.#writeShare(batches, world);
    this.#prepare(counts, sumOf(world.gather([sumOf(counts)]).flat()));
    const value = this.#backward();
    await world.allReduce(this.optimizer.gradient);
    await world.allReduce(value);
    this.#apply(value);
    this.#ring.noteRun();
    Atomics.store(world.clock, 1, this.stepsDone);
    if (this.stepsDone % COMPARE_EVERY > 0) return;
    for (const tensor of this.optimizer.shared) {
      await world.expectEqual(`parameters after step ${this.stepsDone}`, tensor);
    }
  }

  /** Takes over all parameters, the optimizer's state and its step from process 0. */
  async #takeOver(world: World): Promise<void> {
    this.optimizer.restore(world.gather([this.stepsDone])[0][0]);
    const trained = new Set(this.optimizer.parameters);
    const frozen = this.model.parameters().filter((parameter) => !trained.has(parameter));
    for (const tensor of [...this.optimizer.shared, ...frozen]) await world.broadcast(tensor);
    this.#isShared = true;
  }

  /** The loss and gradient norm of each step since the last call, oldest first. */
  figures(): Promise<StepFigures[]> {
    return this.#ring.read();
  }

  /**
   * The mean loss over the targets of the next `count` batches, in nats per token, without dropout
   * and without an update; of the running mean of the parameters if the optimizer keeps one. Throws
   * the signal's reason if that aborts, with a world in any process.
   * The processes of a world share the batches.
   *
   * @throws {RangeError} as for `step`, or if the count is below 1
   */
  async evaluate(
    batches: BatchSource,
    count = 20,
    options: { signal?: AbortSignal } = {},
  ): Promise<number> {
    checkOptions("Trainer.evaluate", options, { signal: true });
    expectBatchSource("Trainer.evaluate", batches);
    if (!Number.isSafeInteger(count) || count < 1) {
      throw new RangeError(`Trainer.evaluate: expected a count from 1, got ${describe(count)}`);
    }
    if (this.world && !this.#isShared) await this.#takeOver(this.world);
    const own = await this.optimizer.withAverage(() => this.#ownLosses(batches, count, options));
    return this.#meanLoss(own, count);
  }

  /** The losses of this process's batches of an evaluation, and their shares of a whole batch. */
  async #ownLosses(
    batches: BatchSource,
    count: number,
    { signal }: { signal?: AbortSignal },
  ): Promise<[loss: number, share: number][]> {
    const { batch, loss } = this.#evaluationOf(batches);
    const { rank, size } = this.world ?? { rank: 0, size: 1 };
    const numbered = this.world && expectNumbered("Trainer.evaluate", batches);
    const first = numbered?.state ?? 0;
    const own: [loss: number, share: number][] = [];
    for (let round = 0; round < count; round += size) {
      this.#throwIfAborted(signal);
      if (round + rank >= count) continue;
      if (numbered) numbered.state = first + round + rank;
      const share = batch.write(batches) / batch.targets.size;
      own.push([await loss().item() * share, share]);
      await yieldToEvents();
    }
    if (numbered) numbered.state = first + count;
    return own;
  }

  /** The mean of the losses of all processes' batches, in the batches' order. */
  #meanLoss(own: readonly [loss: number, share: number][], count: number): number {
    const size = this.world?.size ?? 1;
    const rows = Array.from({ length: Math.ceil(count / size) }, (_, i) => own[i] ?? [0, 0]);
    const all = this.world ? this.world.gather(rows.flat()) : [rows.flat()];
    let sum = 0, targets = 0; // in batches: exactly 1 for one whose targets all count
    for (let i = 0; i < count; i++) {
      const at = 2 * Math.floor(i / size);
      sum += all[i % size][at];
      targets += all[i % size][at + 1];
    }
    if (targets === 0) throw noTargets("Trainer.evaluate");
    return sum / targets;
  }

  /** All processes leave a loop of `evaluate` together. */
  #throwIfAborted(signal: AbortSignal | undefined): void {
    const isAborted = signal?.aborted ?? false;
    if (!(this.world?.any(isAborted) ?? isAborted)) return;
    signal?.throwIfAborted();
    AbortSignal.abort().throwIfAborted(); // another process's signal
  }

  /** Writes this process's batches of an update; returns how many targets of each count. */
  #writeShare(batches: BatchSource, { rank, size }: World): number[] {
    const numbered = expectNumbered("Trainer.step", batches);
    const { length } = this.#batches;
    const first = numbered.state;
    numbered.state = first + rank * length;
    const counts = this.#batches.map((batch) => batch.write(batches));
    numbered.state = first + size * length;
    return counts;
  }

  /**
   * Writes what changes from step to step: the fraction of the update's targets in each batch, the
   * random numbers' step, the rate.
   */
  #prepare(counts: readonly number[], total: number): void {
    if (total === 0) throw noTargets("Trainer.step");
    this.#batches.forEach(({ share }, i) => share.write([counts[i] / total]));
    const step = this.stepsDone;
    this.#randomState.write([this.options.seed | 0, step]);
    this.optimizer.prepare(this.learningRateAt(step));
  }

  #recordGradients(): LossAndGradients {
    const { parameters } = this.optimizer;
    const { recomputeActivations } = this.options;
    const { rank, size } = this.world ?? { rank: 0, size: 1 };
    const isPart = this.#batches.length * size > 1;
    const first = rank * this.#batches.length;
    const ofBatch = (batch: DeviceBatch, i: number) => {
      const { share, documents, lastOnly } = batch;
      const randomState = this.#randomState;
      const firstDropout = (first + i) << 16;
      const options = { randomState, firstDropout, recomputeActivations, documents, lastOnly };
      const context = new ForwardContext(options);
      const loss = () => {
        const value = this.optimizer.scaledLoss(this.#loss(batch, context));
        if (!isTracked(value)) throw nothingToTrain(this.optimizer);
        return isPart ? mul(value, share) : value;
      };
      return valueAndGrad(loss, parameters);
    };
    return accumulate(this.#batches.map((batch, i) => () => ofBatch(batch, i)));
  }

  #loss({ inputs, targets, documents, lastOnly }: DeviceBatch, context: ForwardContext): Tensor {
    if (!this.teacher) return this.model.loss(inputs, targets, context);
    const { model: teacher, ...options } = this.teacher;
    const logitsOf = (model: GPT, context: ForwardContext) => {
      const rows = [targets.size, model.config.width];
      return model.logits(reshape(model.hidden(inputs, context), rows));
    };
    const aims = withoutTape(() => logitsOf(teacher, new ForwardContext({ documents, lastOnly })));
    return distillationLoss(
      logitsOf(this.model, context),
      aims,
      targets.view([targets.size]),
      options,
    );
  }

  /** Appends an update's figures to those that `figures` reads. */
  #record(value: Tensor, norm: Tensor): Tensor {
    this.#ring.record(value, norm);
    return value;
  }

  /** Takes the shape of the first step's batches; all others must have the same. */
  #expectBatches(batches: BatchSource): void {
    expectBatchSource("Trainer.step", batches);
    const [first] = this.#batches;
    if (!first) {
      for (let i = 0; i < this.options.accumulate; i++) {
        this.#batches.push(new DeviceBatch(this.model, batches));
      }
    } else if (!first.fits(batches)) {
      throw new RangeError(
        `Trainer: expected batches of ${
          first.inputs.shape.join(" × ")
        }, as in the first step, got ` +
          `${batches.batchSize} × ${batches.contextLength}; make another Trainer for them`,
      );
    }
  }

  /** The program for batches of this shape. */
  #evaluationOf(batches: BatchSource) {
    if (this.#evaluation?.batch.fits(batches)) return this.#evaluation;
    this.#evaluation?.loss.dispose();
    this.#evaluation?.batch.dispose();
    const batch = new DeviceBatch(this.model, batches);
    const { inputs, targets, documents, lastOnly } = batch;
    const context = { documents, lastOnly };
    const loss = compile(() => this.model.loss(inputs, targets, new ForwardContext(context)));
    return this.#evaluation = { batch, loss };
  }
}

const sumOf = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0);

/** The batches with the number of the next one, by which processes share them. */
function expectNumbered(
  operation: string,
  batches: BatchSource,
): BatchSource & { state: number } {
  const { state } = batches as { state?: unknown };
  if (Number.isSafeInteger(state)) return batches as BatchSource & { state: number };
  throw new TypeError(
    `${operation}: a world shares batches by their number; expected batches with a 'state', such ` +
      "as new Batches(…)",
  );
}

function noTargets(operation: string): RangeError {
  return new RangeError(
    `${operation}: expected a target that counts, all are ${IGNORED}; leave such batches out`,
  );
}

function nothingToTrain(optimizer: Optimizer): Error {
  return new Error(
    "Trainer: the model's loss depends on none of the optimizer's parameters, so that a step would " +
      `train nothing; make it for this model: new ${optimizer.constructor.name}(model.parameters())`,
  );
}

/** The options, defaults filled in. */
function checked(optimizer: Optimizer, options: TrainerOptions): Trainer["options"] {
  checkOptions("Trainer", options, OPTIONS, HINTS);
  const { learningRate, accumulate = 1, seed = 0, recomputeActivations = false } = options;
  expectValue("Trainer: accumulate", SETTING_RULES.accumulate, accumulate);
  expectStepOptions("Trainer", optimizer, { learningRate, seed });
  if (options.world !== undefined && !(options.world instanceof World)) {
    throw new TypeError(
      `Trainer: world must be that of openWorld(), got ${describe(options.world)}`,
    );
  }
  return { learningRate, accumulate, seed, recomputeActivations };
}
