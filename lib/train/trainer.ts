/**
 * The training step and evaluation, each compiled into one program.
 *
 * Loops, logs and files are left to scripts and checkpoint.ts.
 *
 * @module
 */
import { hasDropout } from "../nn/config.ts";
import { ForwardContext } from "../nn/context.ts";
import type { GPT } from "../nn/gpt.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { Schedule } from "../optim/schedules.ts";
import { valueAndGrad } from "../tensor/autograd.ts";
import { add, mul } from "../ops/binary.ts";
import { compile, type Compiled, type ProgramReport } from "../tensor/compile.ts";
import { keep } from "../tensor/scope.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import { expectSeed } from "../random.ts";
import { FigureRing, type StepFigures } from "./figures.ts";

/** Where batches come from: each call gives the next one. */
export interface BatchSource {
  /**
   * The next batch, both [B·T]: token ids for the model to read, and the id that follows each of
   * them.
   */
  next(): { readonly inputs: Int32Array; readonly targets: Int32Array };
}

/** Options of a `Trainer`. */
export interface TrainerOptions {
  /** B, sequences in a batch. */
  batchSize: number;
  /** T, tokens in a sequence. Default: the model's context length. */
  contextLength?: number;
  /** Batches whose gradients make one update. Default 1. */
  accumulate?: number;
  /** The learning rate of each step, counted from 0. */
  schedule: Schedule;
  /** Seed of dropout, an integer in [0, 2^32). Default 0. */
  seed?: number;
  /**
   * Keep only each block's input for the derivative and compute the rest again there: less memory,
   * about a third more time, the same bits. Default false.
   */
  recomputeActivations?: boolean;
}

/** Bytes on the device that training takes. */
export interface MemoryReport {
  /** The parameters, each begun at a multiple of 256 bytes. */
  readonly parameters: number;
  /** A gradient for each parameter. */
  readonly gradients: number;
  /** What the optimizer keeps: two moments a parameter for AdamW. */
  readonly optimizer: number;
  /**
   * The memory that a step's intermediate results share, activations above all; 0 before the first
   * step.
   */
  readonly activations: number;
  /** The same for the evaluation's program; 0 before the first evaluation. */
  readonly evaluation: number;
  /**
   * Working memory of the device's kernels, all threads' together; it grows to what the largest
   * launch so far needs.
   */
  readonly scratch: number;
}

/** Most steps between two reads of their figures. */
const RING = 256;

/**
 * Trains a model: each `step` draws batches and runs one program, forward, backward and update.
 *
 * ```ts
 * import { AdamW, GPT, openDevice, Trainer } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 4, layers: 1, heads: 1, width: 16 });
 * const optimizer = new AdamW(model.parameters());
 * const trainer = new Trainer(model, optimizer, { batchSize: 2, schedule: () => 1e-2 });
 * const batch = { inputs: Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7), targets: Int32Array.of(1, 2, 3, 4, 5, 6, 7, 0) };
 * for (let i = 0; i < 50; i++) trainer.step({ next: () => batch });
 * const figures = await trainer.figures();
 * console.log(figures[0].loss, figures[49].loss); // 2.08, then near 0
 * device.close();
 * ```
 */
export class Trainer {
  /** The options, defaults filled in. */
  readonly options: Required<TrainerOptions>;
  readonly #inputs: Tensor[];
  readonly #targets: Tensor[];
  readonly #randomState: Tensor;
  readonly #ring: FigureRing;
  readonly #program: Compiled<[], Tensor>;
  #evaluation: { inputs: Tensor; targets: Tensor; loss: Compiled<[], Tensor> } | undefined;

  /** RangeError when T exceeds the model's context length, or a count is no whole number from 1. */
  constructor(readonly model: GPT, readonly optimizer: Optimizer, options: TrainerOptions) {
    const { contextLength = model.config.contextLength, accumulate = 1, seed = 0 } = options;
    const { recomputeActivations = false } = options;
    expectSeed("Trainer", seed);
    this.options = { ...options, contextLength, accumulate, seed, recomputeActivations };
    this.#check();
    const device = model.parameters()[0].device;
    this.#inputs = Array.from({ length: accumulate }, () => this.#ids());
    this.#targets = Array.from({ length: accumulate }, () => this.#ids());
    this.#randomState = keep(zeros([2], { dtype: "i32", device }));
    this.#ring = new FigureRing(RING, device);
    this.#program = compile(() => this.#recordStep());
  }

  /** Updates done so far. */
  get stepsDone(): number {
    return this.optimizer.step;
  }

  /** Launches and memory of the step's program; undefined before the first step. */
  get report(): ProgramReport | undefined {
    return this.#program.report;
  }

  /**
   * What the device's memory is used for. A batch's ids and the figures, some kilobytes, are left
   * out.
   */
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

  /** True when `figures` must be read before the next step. */
  get figuresDue(): boolean {
    return this.#ring.isFull;
  }

  /** Draws batches and makes one update. Error when 256 steps' figures were left unread. */
  step(batches: BatchSource): void {
    if (this.#ring.isFull) {
      throw new Error(`trainer: ${RING} steps were not read; call figures() in time`);
    }
    const step = this.stepsDone;
    this.#inputs.forEach((inputs, i) => {
      const batch = batches.next();
      inputs.write(batch.inputs);
      this.#targets[i].write(batch.targets);
    });
    this.#randomState.write([this.options.seed | 0, step]);
    this.optimizer.prepare(this.options.schedule(step));
    this.#program();
    this.#ring.noteRun();
  }

  /** The figures of the steps since the last call, oldest first. */
  figures(): Promise<StepFigures[]> {
    return this.#ring.read();
  }

  /** The mean loss over `count` batches, without dropout and without an update. */
  async evaluate(batches: BatchSource, count: number): Promise<number> {
    const { inputs, targets, loss } = this.#evaluation ??= this.#makeEvaluation();
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const batch = batches.next();
      inputs.write(batch.inputs);
      targets.write(batch.targets);
      sum += await loss().item();
    }
    return sum / count;
  }

  #recordStep(): Tensor {
    const parameters = this.model.parameters();
    const { accumulate, recomputeActivations } = this.options;
    const parts = this.#inputs.map((inputs, i) => {
      const randomState = hasDropout(this.model.config) ? this.#randomState : undefined;
      const firstDropout = i << 16;
      const context = new ForwardContext({ randomState, firstDropout, recomputeActivations });
      const loss = () => {
        const value = this.model.loss(inputs, this.#targets[i], context);
        return accumulate > 1 ? mul(value, 1 / accumulate) : value;
      };
      return valueAndGrad(loss, parameters);
    });
    const total = parts.reduce((sum, part) => ({
      value: add(sum.value, part.value),
      gradients: sum.gradients.map((gradient, i) => add(gradient, part.gradients[i])),
    }));
    const norm = this.optimizer.update(total.gradients);
    this.#ring.record(total.value, norm);
    return total.value;
  }

  #makeEvaluation() {
    const [inputs, targets] = [this.#ids(), this.#ids()];
    return { inputs, targets, loss: compile(() => this.model.loss(inputs, targets)) };
  }

  #ids(): Tensor {
    const { batchSize, contextLength } = this.options;
    const { device } = this.model.parameters()[0];
    return keep(zeros([batchSize, contextLength], { dtype: "i32", device }));
  }

  #check(): void {
    for (const name of ["batchSize", "contextLength", "accumulate"] as const) {
      const value = this.options[name];
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new RangeError(`trainer: ${name} must be a whole number from 1, got ${value}`);
      }
    }
    const { contextLength } = this.options;
    if (contextLength > this.model.config.contextLength) {
      throw new RangeError(
        `trainer: the context ${contextLength} exceeds the model's, ${this.model.config.contextLength}`,
      );
    }
  }
}
