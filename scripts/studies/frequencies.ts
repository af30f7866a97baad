/**
 * The frequencies of a model that adds modulo p: those in the embeddings of the numbers 0 … p − 1,
 * and what the logits are with them alone, and without them.
 *
 * @module
 */
import type { GPT } from "../../mod.ts";

/** The part of a table [p, width] at frequency k: its cosine and its sine along the rows. */
function component(table: ArrayLike<number>, p: number, width: number, k: number): Float64Array {
  const part = new Float64Array(p * width);
  for (const turn of [Math.cos, Math.sin]) {
    const wave = Float64Array.from({ length: p }, (_, a) => turn(2 * Math.PI * k * a / p));
    for (let c = 0; c < width; c++) {
      const sum = wave.reduce((total, value, a) => total + value * table[a * width + c], 0);
      wave.forEach((value, a) => part[a * width + c] += 2 / p * sum * value);
    }
  }
  return part;
}

/** The frequencies with at least this share of the embeddings' power, the strongest first. */
export async function keyFrequencies(model: GPT, p: number, share: number): Promise<number[]> {
  const { width } = model.config;
  const table = await model.tokens.weight.data();
  const powers = Array.from({ length: (p - 1) / 2 }, (_, i) => {
    return {
      k: i + 1,
      power: component(table, p, width, i + 1).reduce((sum, x) => sum + x * x, 0),
    };
  });
  const total = powers.reduce((sum, { power }) => sum + power, 0);
  return powers.filter(({ power }) => power >= share * total)
    .sort((a, b) => b.power - a.power).map(({ k }) => k);
}

/**
 * The logits [p·p, p] of all pairs, rows a·p + b, with nothing but cos(w(a + b)) and sin(w(a + b))
 * of these frequencies w = 2πk/p and the mean over all pairs (`only`), and without those waves.
 * Source: Nanda et al., arXiv 2301.05217, section 5.1 (restricted and excluded loss).
 */
export function logitsByWaves(
  logits: ArrayLike<number>,
  p: number,
  frequencies: readonly number[],
): { only: Float64Array; without: Float64Array } {
  const ofSums = new Float64Array(p * p); // the mean logits of pairs with the same sum
  const mean = new Float64Array(p);
  const bySum = (i: number) => (Math.floor(i / p / p) + Math.floor(i / p)) % p * p + i % p;
  for (let i = 0; i < logits.length; i++) {
    ofSums[bySum(i)] += logits[i] / p;
    mean[i % p] += logits[i] / p / p;
  }
  const waves = new Float64Array(p * p);
  for (const k of frequencies) component(ofSums, p, p, k).forEach((x, i) => waves[i] += x);
  return {
    only: Float64Array.from(logits, (_, i) => mean[i % p] + waves[bySum(i)]),
    without: Float64Array.from(logits, (x, i) => x - waves[bySum(i)]),
  };
}

/** The mean cross-entropy, in nats, of the sums of some of the pairs. */
export function lossOfSums(
  logits: ArrayLike<number>,
  p: number,
  pairs: readonly (readonly [number, number])[],
): number {
  const losses = pairs.map(([a, b]) => {
    const row = Array.from({ length: p }, (_, c) => logits[(a * p + b) * p + c]);
    const largest = Math.max(...row);
    const sum = row.reduce((total, x) => total + Math.exp(x - largest), 0);
    return largest + Math.log(sum) - row[(a + b) % p];
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / pairs.length;
}
