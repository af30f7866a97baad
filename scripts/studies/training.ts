/**
 * Training on generated rows, and reading answers off logits: what studies share.
 *
 * @module
 */
import {
  AdamW,
  type GPT,
  gpt2Weights,
  type InitialWeights,
  normal,
  type Tensor,
  tensor,
  Trainer,
} from "../../mod.ts";

/** One batch of rows: what the model reads, and what it is to predict, −100 where nothing. */
export interface Rows {
  /** The ids, row after row. */
  readonly inputs: Int32Array<ArrayBuffer>;
  /** The answer at each place, or at each row's last one with `lastOnly`. */
  readonly targets: Int32Array<ArrayBuffer>;
}

/** How `train` goes about it. */
export interface Training {
  /** Rows in a batch. */
  readonly batchSize: number;
  /** Tokens in a row. */
  readonly contextLength: number;
  /** Whether only the last place of a row has an answer. Default: false. */
  readonly lastOnly?: boolean;
  /** Batches in an update. Default: 1. */
  readonly accumulate?: number;
  /** Draws the next batch. */
  readonly next: () => Rows;
  /** Updates. */
  readonly steps: number;
  /** Learning rate, reached after 20 steps. */
  readonly learningRate: number;
  /** Weight decay. Default: 0.01. */
  readonly weightDecay?: number;
  /** AdamW's second moment. Default: its own. */
  readonly beta2?: number;
  /** Steps between two calls of `watch`. Default: never. */
  readonly every?: number;
  /** Is called with the steps done and the training loss; true ends the training. */
  readonly watch?: (step: number, loss: number) => Promise<boolean | void> | boolean | void;
}

/** Trains a model on generated rows; returns the last loss. */
export async function train(model: GPT, training: Training): Promise<number> {
  const { steps, every = steps, weightDecay = 0.01, beta2, watch, accumulate } = training;
  const optimizer = new AdamW(model.parameters(), { weightDecay, clip: 1, beta2 });
  const learningRate = (step: number) => training.learningRate * Math.min(1, (step + 1) / 20);
  const trainer = new Trainer(model, optimizer, { learningRate, accumulate });
  let loss = NaN;
  for (let step = 1; step <= steps; step++) {
    trainer.step(training);
    const isWatched = step % every === 0 || step === steps;
    if (!isWatched && !trainer.figuresDue) continue;
    loss = (await trainer.figures()).at(-1)!.loss;
    if (isWatched && await watch?.(step, loss)) break;
  }
  return loss;
}

/**
 * GPT-2's initial weights with larger tables, queries and keys: with its own, small models of few
 * tokens learn nothing in their first hundred steps.
 */
export function wideWeights(layers: number): InitialWeights {
  const [table, queryKeyValue] = [normal(0.3), normal(0.1)];
  return { ...gpt2Weights(layers), tokens: table, positions: table, queryKeyValue };
}

/** Ids as a tensor [rows, length]. */
export function idsOf(ids: Int32Array<ArrayBuffer>, length: number): Tensor {
  return tensor(ids, { shape: [ids.length / length, length] });
}

/** For each row of `logits` [rows, outputs] the output with the largest. */
export function largest(logits: ArrayLike<number>, outputs: number): number[] {
  return Array.from({ length: logits.length / outputs }, (_, row) => {
    let best = 0;
    for (let j = 1; j < outputs; j++) {
      if (logits[row * outputs + j] > logits[row * outputs + best]) best = j;
    }
    return best;
  });
}

/** The share of the targets that are not −100 that the logits' largest outputs hit. */
export function accuracyOf(logits: ArrayLike<number>, targets: ArrayLike<number>): number {
  const chosen = largest(logits, logits.length / targets.length);
  const counted = chosen.map((_, i) => i).filter((i) => targets[i] !== -100);
  return counted.filter((i) => chosen[i] === targets[i]).length / counted.length;
}
