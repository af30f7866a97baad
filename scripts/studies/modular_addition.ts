/**
 * The task of grokking.ts: pairs of numbers below p, a model that reads rows `a b =`, and its
 * logits for all of them.
 *
 * @module
 */
import { ForwardContext, GPT, normal, Random } from "../../mod.ts";
import { idsOf, type Rows } from "./training.ts";

/** Two numbers to add. */
export type Pair = readonly [a: number, b: number];

/** All pairs in a random order. */
export function shuffledPairs(random: Random, p: number): Pair[] {
  return random.shuffled(allPairs(p));
}

function allPairs(p: number): Pair[] {
  return Array.from({ length: p * p }, (_, i): Pair => [Math.floor(i / p), i % p]);
}

/** Rows a b =, and a + b mod p. */
export function rowsOf(pairs: readonly Pair[], p: number): Rows {
  return {
    inputs: Int32Array.from(pairs.flatMap(([a, b]) => [a, b, p])),
    targets: Int32Array.from(pairs.map(([a, b]) => (a + b) % p)),
  };
}

/** One layer, no norms, no biases; every matrix as N(0, 1/inputs). */
export function modelOf(seed: number, { p, width }: { p: number; width: number }): GPT {
  const inner = normal(1 / Math.sqrt(width));
  const tables = { tokens: inner, positions: inner, head: inner };
  const block = { queryKeyValue: inner, attentionProjection: inner, up: inner };
  return new GPT({
    vocabSize: p + 1,
    outputSize: p,
    contextLength: 3,
    layers: 1,
    heads: 4,
    width,
    norm: "none",
    activation: "relu",
    bias: false,
    tiedHead: false,
  }, {
    random: new Random(seed),
    initial: { ...tables, ...block, down: normal(0.5 / Math.sqrt(width)) },
  });
}

/** The logits of all pairs' sums: [p·p, p], rows a·p + b. */
export function allLogits(model: GPT, p: number): Promise<ArrayLike<number>> {
  const ids = idsOf(rowsOf(allPairs(p), p).inputs, 3);
  return model.forward(ids, new ForwardContext({ lastOnly: true })).data();
}

/** The share of pairs whose sum has the largest logit, and their mean cross-entropy in nats. */
export function scoreOf(
  logits: ArrayLike<number>,
  pairs: readonly Pair[],
  p: number,
): { accuracy: number; loss: number } {
  let [hits, loss] = [0, 0];
  for (const [a, b] of pairs) {
    const start = (a * p + b) * p;
    const row = Array.from({ length: p }, (_, c) => logits[start + c]);
    const [largest, answer] = [Math.max(...row), row[(a + b) % p]];
    if (answer === largest) hits++;
    loss += largest - answer + Math.log(row.reduce((sum, x) => sum + Math.exp(x - largest), 0));
  }
  return { accuracy: hits / pairs.length, loss: loss / pairs.length };
}
