/**
 * The last program of sequences that a model was used with, kept for the next call of the same
 * shape.
 *
 * @module
 */
import type { GPT } from "../nn/gpt.ts";
import type { CachedModel } from "./cache_rows.ts";
import { Sequences, type SequencesShape } from "./sequences.ts";

const idle = new WeakMap<GPT, { sequences: Sequences; weights: readonly unknown[] }>();

/**
 * Calls `body` with sequences of at least this shape; if they remain from the last call, nothing is
 * recorded again.
 */
export async function withSequences<Result>(
  model: GPT,
  shape: SequencesShape,
  body: (sequences: Sequences) => Promise<Result>,
): Promise<Result> {
  const last = idle.get(model);
  idle.delete(model); // another call at the same time makes its own
  const kept = last?.sequences;
  // A program uses the tensors that it was recorded with; weights may have been replaced since, by
  // 8-bit ones for example.
  const weights = weightsOf(model);
  const fits = kept !== undefined && serves(kept.shape, shape) &&
    last!.weights.length === weights.length &&
    last!.weights.every((tensor, i) => tensor === weights[i]);
  if (kept && !fits) kept.dispose();
  const sequences = fits
    ? kept
    : new Sequences(model, { ...shape, history: rounded(shape.history) });
  try {
    return await body(sequences);
  } finally {
    idle.get(model)?.sequences.dispose();
    idle.set(model, { sequences, weights });
  }
}

/** The same for a model that is used once: nothing remains. */
export async function withOwnSequences<Result>(
  model: CachedModel,
  shape: SequencesShape,
  body: (sequences: Sequences) => Promise<Result>,
): Promise<Result> {
  const sequences = new Sequences(model, shape);
  try {
    return await body(sequences);
  } finally {
    sequences.dispose();
  }
}

/**
 * What a recorded program of the model depends on: its parameters, except those freed by
 * quantization, its rounded head and its virtual tokens.
 */
function weightsOf(model: GPT): unknown[] {
  return [
    model.quantizedHead,
    model.virtualTokens,
    ...[...model.parameters()].filter(({ storage }) => !storage.disposed),
  ];
}

function serves(kept: SequencesShape, wanted: SequencesShape): boolean {
  const { rows, perPrompt, history, ends, excludes, scores } = wanted;
  return kept.rows === rows && kept.perPrompt === perPrompt && kept.ends === ends &&
    kept.excludes === excludes && kept.scores === scores &&
    (history === 0) === (kept.history === 0) && kept.history >= history;
}

/** The next power of two, so that a prompt a little longer needs no other program. */
function rounded(history: number): number {
  return history === 0 ? 0 : 2 ** Math.ceil(Math.log2(history));
}
