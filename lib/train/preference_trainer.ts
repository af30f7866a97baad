/**
 * Training on preferences by DPO: pairs of answers in padded rows, one program for each padded
 * length.
 *
 * preference_loss.ts is the loss; see trainer.ts for texts.
 *
 * @module
 */
import type { PreferencePair } from "../data/preferences.ts";
import { ForwardContext } from "../nn/context.ts";
import { expectLanguageModel } from "../nn/expect_model.ts";
import type { GPT } from "../nn/gpt.ts";
import { mul } from "../ops/binary.ts";
import { gather } from "../ops/gather.ts";
import { sum } from "../ops/reduce.ts";
import { reshape } from "../ops/reshape.ts";
import { slice } from "../ops/slice.ts";
import { logSoftmax } from "../ops/softmax.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { rateAt, type Schedule } from "../optim/schedules.ts";
import { checkOptions } from "../options.ts";
import { expectValue, wholeNumber } from "../rules.ts";
import { isTracked, valueAndGrad } from "../tensor/autograd.ts";
import { compile, type Compiled } from "../tensor/compile.ts";
import { keep } from "../tensor/scope.ts";
import { type Tensor, zeros } from "../tensor/tensor.ts";
import { expectIds } from "../token_ids.ts";
import { yieldToEvents } from "../yield_to_events.ts";
import { FigureRing, type StepFigures } from "./figures.ts";
import { type AnswerScores, betaOf, preferenceLosses } from "./preference_loss.ts";
import { expectStepOptions } from "./step_options.ts";

/** Options of a `PreferenceTrainer`. */
export interface PreferenceTrainerOptions {
  /** The learning rate: one for all steps, or a function of the step, counted from 0. */
  readonly learningRate: number | Schedule;
  /** β > 0: how dear it is to leave the reference. Default 0.1. */
  readonly beta?: number;
  /** B, the largest number of pairs in a batch. Default 8. */
  readonly batchSize?: number;
  /** Seed of dropout, an integer in [0, 2^32). Default 0. */
  readonly seed?: number;
}

/** A pair, and what the reference makes of it. */
export interface ReferencedPair extends PreferencePair {
  /** ln p(answer | prompt) of both answers, by `scorePairs` of the reference. */
  readonly reference: AnswerScores<number>;
}

/** Rows are padded to a multiple of this, so that few programs are made. */
const MULTIPLE = 32;

/** Pairs that `scorePairs` computes together. */
const SCORED = 16;

/** The rows of a batch on the device: the chosen answers, then the rejected ones. */
interface Rows {
  /** i32 [2B,T] */
  readonly ids: Tensor;
  /** i32 [2B,T]: the id that follows, 0 where none counts. */
  readonly targets: Tensor;
  /** f32 [2B,T]: 1 where a target counts. */
  readonly counts: Tensor;
}

/** A batch, and the program of its padded length. */
interface Padded extends Rows {
  /** f32 [2B] */
  readonly reference: Tensor;
  /** f32 [B]: each pair's part of the loss. */
  readonly weights: Tensor;
  readonly program: Compiled<[], Tensor>;
}

/**
 * Trains a model to prefer the chosen answers, by the loss of `preferenceLoss`: each `step` is one
 * update of the optimizer's parameters.
 *
 * The reference is the model before training: score all pairs once with `scorePairs`, then no
 * second model is needed. With an adapter that is the base.
 *
 * ```ts
 * import { AdamW, GPT, openDevice, PreferenceTrainer, scorePairs } from "../../mod.ts";
 * const device = await openDevice({ device: "cpu", threads: 1 });
 * const model = new GPT({ vocabSize: 8, contextLength: 8, layers: 1, heads: 1, width: 16 });
 * const pairs = [{ prompt: [1, 2], chosen: [3, 0], rejected: [4, 0] }];
 * const { chosen: [chosen], rejected: [rejected] } = await scorePairs(model, pairs);
 * const optimizer = new AdamW(model.parameters());
 * const trainer = new PreferenceTrainer(model, optimizer, { learningRate: 1e-2 });
 * for (let i = 0; i < 20; i++) trainer.step([{ ...pairs[0], reference: { chosen, rejected } }]);
 * console.log((await trainer.figures()).map(({ loss }) => loss)); // ln 2 = 0.69, then less
 * device.close();
 * ```
 */
export class PreferenceTrainer {
  readonly #options: Required<PreferenceTrainerOptions>;
  readonly #padded = new Map<number, Padded>();
  readonly #randomState: Tensor;
  readonly #ring: FigureRing;

  /**
   * Trains the parameters of `optimizer`: all of the model's, or an adapter's.
   *
   * @throws {TypeError} if the model or the optimizer is none, or an option is unknown
   * @throws {RangeError} if an option is out of range
   */
  constructor(
    readonly model: GPT,
    readonly optimizer: Optimizer,
    options: PreferenceTrainerOptions,
  ) {
    expectLanguageModel("PreferenceTrainer", model);
    const known = { learningRate: true, beta: true, batchSize: true, seed: true };
    checkOptions("PreferenceTrainer", options, known);
    const { learningRate, batchSize = 8, seed = 0 } = options;
    const beta = betaOf("PreferenceTrainer", { beta: options.beta });
    expectValue("PreferenceTrainer: batchSize", wholeNumber({ min: 1 }), batchSize);
    expectStepOptions("PreferenceTrainer", optimizer, { learningRate, seed });
    this.#options = { learningRate, beta, batchSize, seed };
    const { device } = model.tokens.weight;
    this.#randomState = keep(zeros([2], { dtype: "i32", device }));
    this.#ring = new FigureRing(device);
  }

  /** Updates done so far. */
  get stepsDone(): number {
    return this.optimizer.stepsDone;
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
   * One update from at most `batchSize` pairs; the loss is their mean.
   *
   * @throws {Error} if 256 steps' figures were left unread, or the optimizer trains nothing of the
   *   model
   * @throws {RangeError} if there are too many pairs or none, or one does not fit the model
   */
  step(pairs: readonly ReferencedPair[]): void {
    this.#ring.expectRoom("PreferenceTrainer");
    const { batchSize, learningRate, seed } = this.#options;
    if (pairs.length === 0 || pairs.length > batchSize) {
      throw new RangeError(
        `PreferenceTrainer.step: expected 1 to ${batchSize} pairs, got ${pairs.length}`,
      );
    }
    expectPairs("PreferenceTrainer.step", this.model, pairs);
    const padded = this.#paddedTo(paddedLength(this.model, pairs));
    writeRows(padded, pairs);
    const reference = new Float32Array(2 * batchSize);
    const weights = new Float32Array(batchSize).fill(1 / pairs.length, 0, pairs.length);
    pairs.forEach(({ reference: { chosen, rejected } }, i) => {
      reference[i] = chosen;
      reference[batchSize + i] = rejected;
    });
    padded.reference.write(reference);
    padded.weights.write(weights);
    const step = this.stepsDone;
    this.#randomState.write([seed | 0, step]);
    this.optimizer.prepare(rateAt(learningRate, step));
    padded.program();
    this.#ring.noteRun();
  }

  #paddedTo(length: number): Padded {
    const known = this.#padded.get(length);
    if (known) return known;
    const { batchSize } = this.#options;
    const { device } = this.model.tokens.weight;
    const rows = makeRows(this.model, batchSize, length);
    const reference = keep(zeros([2 * batchSize], { device }));
    const weights = keep(zeros([batchSize], { device }));
    const program = compile(() => this.#record(rows, reference, weights));
    const made = { ...rows, reference, weights, program };
    this.#padded.set(length, made);
    return made;
  }

  #record(rows: Rows, reference: Tensor, weights: Tensor): Tensor {
    const context = new ForwardContext({ randomState: this.#randomState });
    const loss = () => {
      const scores = halves(scoresOf(this.model, rows, context));
      const losses = preferenceLosses(scores, halves(reference), this.#options.beta);
      const value = sum(mul(losses, weights));
      if (isTracked(value)) return value;
      throw new Error("PreferenceTrainer: the optimizer has no parameter of the model");
    };
    const { value, gradients } = valueAndGrad(loss, this.optimizer.parameters);
    this.#ring.record(value, this.optimizer.update(gradients));
    return value;
  }
}

/**
 * ln p(answer | prompt), summed over the answer's tokens, of both answers of each pair.
 *
 * @throws {RangeError} if a pair does not fit the model
 */
export async function scorePairs(
  model: GPT,
  pairs: readonly PreferencePair[],
): Promise<AnswerScores<number[]>> {
  expectLanguageModel("scorePairs", model);
  expectPairs("scorePairs", model, pairs);
  const scores = { chosen: [] as number[], rejected: [] as number[] };
  const byLength = new Map<number, { rows: Rows; program: Compiled<[], Tensor> }>();
  for (let first = 0; first < pairs.length; first += SCORED) {
    const batch = pairs.slice(first, first + SCORED);
    const length = paddedLength(model, batch);
    let padded = byLength.get(length);
    if (!padded) {
      const rows = makeRows(model, SCORED, length);
      padded = { rows, program: compile(() => scoresOf(model, rows, new ForwardContext())) };
      byLength.set(length, padded);
    }
    writeRows(padded.rows, batch);
    const values = await padded.program().data();
    scores.chosen.push(...values.slice(0, batch.length));
    scores.rejected.push(...values.slice(SCORED, SCORED + batch.length));
    await yieldToEvents();
  }
  for (const { rows, program } of byLength.values()) {
    program.dispose();
    for (const tensor of [rows.ids, rows.targets, rows.counts]) tensor.dispose();
  }
  return scores;
}

/** Σ ln p(target) of each row: [2B]. */
function scoresOf(model: GPT, { ids, targets, counts }: Rows, context: ForwardContext): Tensor {
  const { width } = model.config;
  const logits = model.logits(reshape(model.hidden(ids, context), [ids.size, width]));
  const picked = gather(logSoftmax(logits), targets.view([ids.size, 1]));
  return sum(mul(picked.view(ids.shape), counts), { axis: 1 });
}

/** [2B] as the scores of chosen and of rejected answers, [B] each. */
function halves(scores: Tensor): AnswerScores {
  const half = scores.size / 2;
  return {
    chosen: slice(scores, { axis: 0, end: half }),
    rejected: slice(scores, { axis: 0, start: half }),
  };
}

function makeRows(model: GPT, pairs: number, length: number): Rows {
  const { device } = model.tokens.weight;
  const shape = [2 * pairs, length];
  const integers = () => keep(zeros(shape, { dtype: "i32", device }));
  return { ids: integers(), targets: integers(), counts: keep(zeros(shape, { device })) };
}

/** Writes chosen answers into the first half of the rows, rejected ones into the second. */
function writeRows({ ids, targets, counts }: Rows, pairs: readonly PreferencePair[]): void {
  const [rows, time] = ids.shape;
  const [inputs, next] = [new Int32Array(ids.size), new Int32Array(ids.size)];
  const counted = new Float32Array(ids.size);
  const put = (row: number, { prompt }: PreferencePair, answer: ArrayLike<number>) => {
    const text = [...Array.from(prompt), ...Array.from(answer)];
    const at = row * time;
    inputs.set(text.slice(0, -1), at);
    next.set(text.slice(1), at);
    counted.fill(1, at + prompt.length - 1, at + text.length - 1);
  };
  pairs.forEach((pair, i) => {
    put(i, pair, pair.chosen);
    put(rows / 2 + i, pair, pair.rejected);
  });
  ids.write(inputs);
  targets.write(next);
  counts.write(counted);
}

/** Inputs of the longest row, a multiple of 32 or the context. */
function paddedLength(model: GPT, pairs: readonly PreferencePair[]): number {
  const longest = Math.max(...pairs.map(inputsOf));
  return Math.min(Math.ceil(longest / MULTIPLE) * MULTIPLE, model.config.contextLength);
}

/** Inputs that a pair takes: all its ids but the last of an answer. */
function inputsOf({ prompt, chosen, rejected }: PreferencePair): number {
  return prompt.length + Math.max(chosen.length, rejected.length) - 1;
}

function expectPairs(operation: string, model: GPT, pairs: readonly PreferencePair[]): void {
  const { vocabSize, contextLength } = model.config;
  pairs.forEach((pair, i) => {
    for (const part of ["prompt", "chosen", "rejected"] as const) {
      if (pair[part].length === 0) {
        throw new RangeError(
          `${operation}: expected a token in the ${part} of pair ${i}, got none`,
        );
      }
      expectIds(`${operation}: ${part} of pair ${i}`, pair[part], vocabSize);
    }
    if (inputsOf(pair) > contextLength) {
      throw new RangeError(
        `${operation}: expected at most ${contextLength} inputs, got ${
          inputsOf(pair)
        } in pair ${i}`,
      );
    }
  });
}
