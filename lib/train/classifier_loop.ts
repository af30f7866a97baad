/**
 * The training of a classifier as a stream of events: it trains epoch by epoch, measures after each
 * one and detects divergence, and waits while its reader acts on an event.
 *
 * See loop.ts for language models, classifier_trainer.ts for a step and classifier_checkpoint.ts
 * for files.
 *
 * @module
 */
import { type Classifier, classifyIds } from "../hub/load_classifier.ts";
import { checkOptions } from "../options.ts";
import { Random } from "../random.ts";
import { expectValue, wholeNumber } from "../rules.ts";
import { yieldToEvents } from "../yield_to_events.ts";
import { type ClassificationReport, classificationReport } from "./classification_report.ts";
import type { ClassifierTrainer, LabeledIds } from "./classifier_trainer.ts";
import { expectFinite, type LoggedFigures } from "./loop.ts";

/** How a classifier is trained: on what, how far, and how often an event is due. */
export interface ClassifierLoopOptions {
  /** Texts to learn from, at least one. */
  readonly train: readonly LabeledIds[];
  /** Texts to measure on after each epoch. Default: none. */
  readonly validation?: readonly LabeledIds[];
  /** Passes over the texts in total, including those of a resumed run's past. Or give `steps`. */
  readonly epochs?: number;
  /** Updates in total, instead of `epochs`; the last one is followed by a measure, too. */
  readonly steps?: number;
  /** B, texts in a batch: the trainer's. Default 32. */
  readonly batchSize?: number;
  /** Seed of the order of the texts. Default 0. */
  readonly seed?: number;
  /** Steps between events of kind `figures`; 0 for none. Default 10. */
  readonly logEvery?: number;
  /** Steps between events of kind `checkpoint`, besides the one at the end. Default: an epoch. */
  readonly checkpointEvery?: number;
  /** Whether to measure before the first step, too. Default false. */
  readonly evaluateFirst?: boolean;
  /** Ends the loop after the current step. */
  readonly signal?: AbortSignal;
}

/** What happened, or is due, after `step` updates. */
export type ClassifierEvent =
  /** An update was made. */
  | { readonly kind: "step"; readonly step: number }
  | LoggedFigures
  | ClassifierValidation
  /** A checkpoint is due, or the training has ended; all figures so far are finite. */
  | { readonly kind: "checkpoint"; readonly step: number };

/** What was measured after an epoch. */
export interface ClassifierValidation extends ClassifierMeasure {
  /** Distinguishes it from other events. */
  readonly kind: "validation";
  /** Updates done. */
  readonly step: number;
  /** Epochs done, a fraction if the training ends within one. */
  readonly epoch: number;
}

/** How good a classifier is on texts. */
export interface ClassifierMeasure {
  /** Accuracy, and what is right and wrong of each class. */
  readonly report: ClassificationReport;
  /** The mean of −ln(probability of the right class), in nats. */
  readonly loss: number;
  /** The predicted class of each text, an index of the labels. */
  readonly predicted: Int32Array;
}

const RULES = {
  epochs: wholeNumber({ min: 1 }),
  steps: wholeNumber({ min: 1 }),
  batchSize: wholeNumber({ min: 1 }),
  logEvery: wholeNumber({ min: 0 }),
  checkpointEvery: wholeNumber({ min: 0 }),
};

/**
 * Trains until `epochs` passes or `steps` updates are done or the signal aborts, and yields an
 * event for everything that happens or is due. The order of the texts depends on the seed and the
 * epoch alone, so a resumed run goes on with the same batches.
 *
 * ```ts
 * import { AdamW, classifierLoop, ClassifierTrainer, GPT, openDevice, TextClassifier } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 8, layers: 1, heads: 1, width: 16 });
 * const classifier = new TextClassifier(model, { labels: ["low", "high"] });
 * const optimizer = new AdamW(classifier.parameters());
 * const trainer = new ClassifierTrainer(classifier, optimizer, { learningRate: 1e-2 });
 * const train = [{ ids: [1, 2], label: 0 }, { ids: [6, 7, 5], label: 1 }];
 * for await (const event of classifierLoop(trainer, { train, validation: train, epochs: 20 })) {
 *   if (event.kind === "validation") console.log(event.epoch, event.report.accuracy);
 * }
 * device.close();
 * ```
 *
 * @throws {DivergenceError} if a step's loss or gradient norm is no longer finite
 * @throws {RangeError} if there is no text to learn from, or an option is out of range
 * @throws {TypeError} if an option is unknown
 */
export async function* classifierLoop(
  trainer: ClassifierTrainer,
  options: ClassifierLoopOptions,
): AsyncGenerator<ClassifierEvent, void, void> {
  checkLoop(options);
  const { train, epochs = 0, batchSize = 32, seed = 0, logEvery = 10, signal } = options;
  const perEpoch = Math.ceil(train.length / batchSize);
  const { checkpointEvery = perEpoch, evaluateFirst = false } = options;
  const { steps = perEpoch * epochs } = options;
  const watch = new Stopwatch(trainer);
  const due = (every: number) => every > 0 && trainer.stepsDone % every === 0;
  let saved = trainer.stepsDone;
  if (evaluateFirst) yield* validation(trainer, options, perEpoch);
  let batches: LabeledIds[][] = [];
  while (trainer.stepsDone < steps && !signal?.aborted) {
    const [epoch, place] = divided(trainer.stepsDone, perEpoch);
    if (place === 0 || batches.length === 0) {
      batches = epochBatches(train, batchSize, new Random(seed, epoch + 1));
    }
    watch.step(batches[place]);
    const step = trainer.stepsDone;
    yield { kind: "step", step };
    const checkpoint = due(checkpointEvery) || step === steps;
    const isEpoch = due(perEpoch) || step === steps;
    if (due(logEvery) || trainer.figuresDue || step === 1 || checkpoint || isEpoch) {
      const figures = await watch.figures();
      if (logEvery > 0) yield figures;
    }
    if (isEpoch && !signal?.aborted) yield* validation(trainer, options, perEpoch);
    if (checkpoint) yield { kind: "checkpoint", step: saved = step };
    await yieldToEvents();
  }
  if (watch.unread > 0) { // interrupted
    const figures = await watch.figures();
    if (logEvery > 0) yield figures;
  }
  if (trainer.stepsDone > saved) yield { kind: "checkpoint", step: trainer.stepsDone };
}

/** Classifies texts and compares the results with their labels, at least one text. */
export async function measureClassifier(
  classifier: Classifier,
  texts: readonly LabeledIds[],
): Promise<ClassifierMeasure> {
  const { labels } = classifier.config;
  const results = await classifyIds(classifier, texts.map(({ ids }) => ids));
  const predicted = Int32Array.from(results, ({ label }) => labels.indexOf(label));
  const right = texts.map(({ label }) => label);
  const losses = results.map(({ scores }, i) => -Math.log(scores[labels[right[i]]]));
  const loss = losses.reduce((sum, loss) => sum + loss, 0) / texts.length;
  return { report: classificationReport(labels, { right, predicted }), loss, predicted };
}

async function* validation(
  trainer: ClassifierTrainer,
  { validation = [] }: ClassifierLoopOptions,
  perEpoch: number,
): AsyncGenerator<ClassifierValidation, void, void> {
  if (validation.length === 0) return;
  const step = trainer.stepsDone;
  const measure = await measureClassifier(trainer.classifier, validation);
  yield { kind: "validation", step, epoch: step / perEpoch, ...measure };
}

function checkLoop(options: ClassifierLoopOptions): void {
  const known = { ...RULES, train: true, validation: true, seed: true };
  checkOptions("classifierLoop", options, { ...known, evaluateFirst: true, signal: true });
  for (const name of Object.keys(RULES) as (keyof typeof RULES)[]) {
    const { [name]: value } = options;
    if (value === undefined) continue;
    expectValue(`classifierLoop: ${name}`, RULES[name], value);
  }
  if ((options.epochs === undefined) === (options.steps === undefined)) {
    throw new RangeError("classifierLoop: expected either epochs or steps");
  }
  if (options.train.length > 0) return;
  throw new RangeError("classifierLoop: expected texts to learn from, got none");
}

/** The quotient and the rest. */
function divided(count: number, by: number): [quotient: number, rest: number] {
  return [Math.floor(count / by), count % by];
}

/** Batches within which texts are sorted by length: enough for little padding, and for chance. */
const SORTED_TOGETHER = 50;

/**
 * All texts in a random order, in batches of similar lengths: of every 50 batches the texts are
 * sorted by length; then the batches are put in a random order.
 */
function epochBatches(
  texts: readonly LabeledIds[],
  batchSize: number,
  random: Random,
): LabeledIds[][] {
  const all = random.shuffled(texts);
  const batches: LabeledIds[][] = [];
  for (let first = 0; first < all.length; first += SORTED_TOGETHER * batchSize) {
    const some = all.slice(first, first + SORTED_TOGETHER * batchSize);
    some.sort((a, b) => a.ids.length - b.ids.length);
    for (let i = 0; i < some.length; i += batchSize) batches.push(some.slice(i, i + batchSize));
  }
  return random.shuffled(batches);
}

/** Makes updates and reads their figures, and times both. */
class Stopwatch {
  /** Updates whose figures were not read. */
  unread = 0;
  #tokens = 0;
  #milliseconds = 0;

  constructor(readonly trainer: ClassifierTrainer) {}

  step(texts: readonly LabeledIds[]): void {
    const before = performance.now();
    this.trainer.step(texts);
    this.#milliseconds += performance.now() - before;
    this.#tokens += texts.reduce((sum, { ids }) => sum + ids.length, 0);
    this.unread++;
  }

  /**
   * The last update's figures.
   *
   * @throws {DivergenceError} if a figure since the last call is not finite
   */
  async figures(): Promise<LoggedFigures> {
    const { stepsDone: step } = this.trainer;
    const before = performance.now();
    const figures = await this.trainer.figures();
    this.#milliseconds += performance.now() - before;
    expectFinite(figures, step - figures.length + 1);
    const tokensPerSecond = Math.round(this.#tokens / this.#milliseconds * 1000);
    this.unread = this.#tokens = this.#milliseconds = 0;
    const learningRate = this.trainer.learningRateAt(step - 1);
    const meanLoss = figures.reduce((sum, { loss }) => sum + loss, 0) / figures.length;
    return { kind: "figures", step, ...figures.at(-1)!, meanLoss, learningRate, tokensPerSecond };
  }
}
