/**
 * The last program of sequences that a model was used with, kept for the next call of the same shape.
 *
 * @module
 */
import type { GPT } from "../nn/gpt.ts";
import { Sequences, type SequencesShape } from "./sequences.ts";

const idle = new WeakMap<GPT, Sequences>();

/** Calls `body` with sequences of at least this shape; where they are left over from the last call, nothing is recorded anew. */
export async function withSequences<Result>(
  model: GPT,
  shape: SequencesShape,
  body: (sequences: Sequences) => Promise<Result>,
): Promise<Result> {
  const kept = idle.get(model);
  idle.delete(model); // another call at the same time makes its own
  const fits = kept !== undefined && serves(kept.shape, shape);
  if (kept && !fits) kept.dispose();
  const sequences = fits
    ? kept
    : new Sequences(model, { ...shape, history: rounded(shape.history) });
  try {
    return await body(sequences);
  } finally {
    idle.get(model)?.dispose();
    idle.set(model, sequences);
  }
}

function serves(kept: SequencesShape, wanted: SequencesShape): boolean {
  const { rows, perPrompt, history, ends, scores } = wanted;
  return kept.rows === rows && kept.perPrompt === perPrompt && kept.ends === ends &&
    kept.scores === scores && (history === 0) === (kept.history === 0) && kept.history >= history;
}

/** The next power of two, so that a prompt a little longer needs no other program. */
function rounded(history: number): number {
  return history === 0 ? 0 : 2 ** Math.ceil(Math.log2(history));
}
