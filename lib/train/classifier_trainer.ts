/**
 * The training step of a classifier of texts: ragged batches, one program for each padded length.
 *
 * See trainer.ts for language models, evaluate_classifier.ts for measuring.
 *
 * @module
 */
import { WorkingMemory } from "../device/working_memory.ts";
import type { Classifier } from "../hub/load_classifier.ts";
import { ForwardContext } from "../nn/context.ts";
import { problemTypeOf, SequenceClassifier } from "../nn/sequence_classifier.ts";
import { IGNORED } from "../ops/cross_entropy.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { rateAt, type Schedule } from "../optim/schedules.ts";
import { checkOptions } from "../options.ts";
import { expectValue, wholeNumber } from "../rules.ts";
import { isTracked, valueAndGrad } from "../tensor/autograd.ts";
import { compile, type Compiled } from "../tensor/compile.ts";
import { keep } from "../tensor/scope.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import { expectIds } from "../token_ids.ts";
import { FigureRing, type StepFigures } from "./figures.ts";
import { expectStepOptions } from "./step_options.ts";

/** Options of a `ClassifierTrainer`. */
export interface ClassifierTrainerOptions {
  /** The learning rate: one for all steps, or a function of the step, counted from 0. */
  readonly learningRate: number | Schedule;
  /** B, the largest number of texts in a batch. Default 32. */
  readonly batchSize?: number;
  /** Tokens of the longest text that will come. Default: the model's context length. */
  readonly longest?: number;
  /** Seed of dropout, an integer in [0, 2^32). Default 0. */
  readonly seed?: number;
}

/** A text as ids, and the index of its class. */
export interface LabeledIds {
  /** Its tokens, at least one. */
  readonly ids: ArrayLike<number>;
  /** The index of its label. */
  readonly label: number;
}

/** Rows are padded to a multiple of this. */
const MULTIPLE = 16;

/** Most padded lengths, and so most programs. */
const LENGTHS = 4;

/** The tensors and the program of one padded length. */
interface Padded {
  readonly ids: Tensor;
  readonly lengths: Tensor;
  readonly labels: Tensor;
  readonly program: Compiled<[], Tensor>;
}

/**
 * Trains a classifier: each `step` is one update of the optimizer's parameters from a batch of
 * texts. The loss is the mean over the batch's texts; the padding of a row, and rows that a small
 * batch leaves empty, have no effect. Batches of texts of similar lengths take the least time: rows
 * are padded to one of at most four lengths, whose programs share their working memory.
 *
 * ```ts
 * import { AdamW, GPT, openDevice, TextClassifier } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 8, layers: 1, heads: 1, width: 16 });
 * const classifier = new TextClassifier(model, { labels: ["low", "high"] });
 * const optimizer = new AdamW(classifier.parameters());
 * const trainer = new ClassifierTrainer(classifier, optimizer, { learningRate: 1e-2 });
 * const texts = [{ ids: [1, 2], label: 0 }, { ids: [6, 7, 5], label: 1 }];
 * for (let i = 0; i < 20; i++) trainer.step(texts);
 * console.log((await trainer.figures()).at(-1)!.loss < 0.1); // true
 * device.close();
 * ```
 */
export class ClassifierTrainer {
  readonly #options: Required<ClassifierTrainerOptions>;
  readonly #padded = new Map<number, Padded>();
  readonly #memory = new WorkingMemory();
  /** Padded lengths are multiples of this. */
  readonly #multiple: number;
  readonly #randomState: Tensor;
  readonly #ring: FigureRing;

  /**
   * Trains the parameters of `optimizer`: all of the classifier's, or the head's and an adapter's.
   *
   * @throws {TypeError} if the optimizer is none, or an option is unknown
   * @throws {RangeError} if an option is out of range, or the classifier does not choose one of its
   *   labels (several labels, regression)
   */
  constructor(
    readonly classifier: Classifier,
    readonly optimizer: Optimizer,
    options: ClassifierTrainerOptions,
  ) {
    const known = { learningRate: true, batchSize: true, longest: true, seed: true };
    checkOptions("ClassifierTrainer", options, known);
    expectOneLabel(classifier);
    const { contextLength } = classifier.config;
    const { learningRate, batchSize = 32, longest = contextLength, seed = 0 } = options;
    for (const [name, value] of Object.entries({ batchSize, longest })) {
      expectValue(`ClassifierTrainer: ${name}`, wholeNumber({ min: 1 }), value);
    }
    expectStepOptions("ClassifierTrainer", optimizer, { learningRate, seed });
    this.#options = { learningRate, batchSize, longest: Math.min(longest, contextLength), seed };
    this.#multiple = MULTIPLE * Math.ceil(this.#options.longest / (MULTIPLE * LENGTHS));
    const { device } = classifier.parameters()[0];
    this.#randomState = keep(zeros([2], { dtype: "i32", device }));
    this.#ring = new FigureRing(device);
  }

  /** Updates done so far. */
  get stepsDone(): number {
    return this.optimizer.stepsDone;
  }

  /** The learning rate of a step, counted from 0. */
  learningRateAt(step: number): number {
    return rateAt(this.#options.learningRate, step);
  }

  /** Bytes that the intermediate results of a step take, for all padded lengths together. */
  get activationBytes(): number {
    return this.#memory.bytes;
  }

  /** True when `figures` must be read before the next step. */
  get figuresDue(): boolean {
    return this.#ring.isFull;
  }

  /** The loss and gradient norm of each step since the last call, oldest first. */
  figures(): Promise<StepFigures[]> {
    return this.#ring.read();
  }

  /**
   * One update from at most `batchSize` texts.
   *
   * @throws {Error} if 256 steps' figures were left unread, or the optimizer trains nothing of the
   *   classifier
   * @throws {RangeError} if there are too many texts or none, or an id or a label is out of range
   */
  step(texts: readonly LabeledIds[]): void {
    this.#ring.expectRoom("ClassifierTrainer");
    this.#expectTexts(texts);
    const padded = this.#write(texts);
    const { seed } = this.#options;
    const step = this.stepsDone;
    this.#randomState.write([seed | 0, step]);
    this.optimizer.prepare(this.learningRateAt(step));
    padded.program();
    this.#ring.noteRun();
  }

  #expectTexts(texts: readonly LabeledIds[]): void {
    const { batchSize, longest } = this.#options;
    const { labels, vocabSize } = this.classifier.config;
    if (texts.length === 0 || texts.length > batchSize) {
      throw new RangeError(
        `ClassifierTrainer.step: expected 1 to ${batchSize} texts, got ${texts.length}`,
      );
    }
    texts.forEach(({ ids, label }, i) => {
      if (ids.length < 1 || ids.length > longest) {
        throw new RangeError(
          `ClassifierTrainer.step: expected 1 to ${longest} tokens, got ${ids.length} in text ${i}`,
        );
      }
      expectIds(`ClassifierTrainer.step: text ${i}`, ids, vocabSize);
      if (labels[label] === undefined) {
        throw new RangeError(
          `ClassifierTrainer.step: expected a label from 0 to ${labels.length - 1}, got ${label}`,
        );
      }
    });
  }

  /** Puts a batch into the tensors of its padded length. */
  #write(texts: readonly LabeledIds[]): Padded {
    const { batchSize } = this.#options;
    const most = Math.max(...texts.map(({ ids }) => ids.length));
    const rounded = Math.ceil(most / this.#multiple) * this.#multiple;
    const length = Math.min(rounded, this.classifier.config.contextLength);
    const padded = this.#paddedTo(length);
    const ids = new Int32Array(batchSize * length);
    texts.forEach((text, row) => ids.set(Array.from(text.ids), row * length));
    const row = (value: (text: LabeledIds) => number, empty: number) =>
      Array.from({ length: batchSize }, (_, i) => i < texts.length ? value(texts[i]) : empty);
    padded.ids.write(ids);
    padded.lengths.write(row(({ ids }) => ids.length, 1));
    padded.labels.write(row(({ label }) => label, IGNORED));
    return padded;
  }

  #paddedTo(length: number): Padded {
    const known = this.#padded.get(length);
    if (known) return known;
    const { batchSize } = this.#options;
    const { device } = this.classifier.parameters()[0];
    const integers = (shape: number[]) => keep(zeros(shape, { dtype: "i32", device }));
    const ids = integers([batchSize, length]);
    const [lengths, labels] = [integers([batchSize]), integers([batchSize])];
    const made = {
      ids,
      lengths,
      labels,
      program: compile(() => this.#record(ids, lengths, labels), { memory: this.#memory }),
    };
    this.#padded.set(length, made);
    return made;
  }

  #record(ids: Tensor, lengths: Tensor, labels: Tensor): Tensor {
    const context = new ForwardContext({ randomState: this.#randomState });
    const loss = () => {
      const value = this.classifier.loss(ids, labels, { lengths }, context);
      if (isTracked(value)) return value;
      throw new Error("ClassifierTrainer: the optimizer has no parameter of the classifier");
    };
    const { value, gradients } = valueAndGrad(loss, this.optimizer.parameters);
    this.#ring.record(value, this.optimizer.update(gradients));
    return value;
  }
}

/** Throws a RangeError unless the classifier chooses one of its labels. */
function expectOneLabel(classifier: Classifier): void {
  if (!(classifier instanceof SequenceClassifier)) return;
  const problem = problemTypeOf(classifier.config);
  if (problem === "single_label_classification") return;
  throw new RangeError(
    `ClassifierTrainer: expected a classifier of single_label_classification, got one of ${problem}`,
  );
}
