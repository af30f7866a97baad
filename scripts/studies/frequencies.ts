/**
 * The frequencies of a model that adds modulo p: those in the embeddings of the numbers 0 … p − 1,
 * and what the logits are with their waves alone, and without them.
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
 * The mean logits [p, p] of the pairs with the sum s; `logits` [p·p, p] are of the pairs a·p + b.
 */
export function meanBySum(logits: ArrayLike<number>, p: number): Float64Array {
  const means = new Float64Array(p * p);
  for (let i = 0; i < logits.length; i++) means[bySum(i, p)] += logits[i] / p;
  return means;
}

/** The element of `meanBySum` to which element i of the logits belongs. */
function bySum(i: number, p: number): number {
  return (Math.floor(i / p / p) + Math.floor(i / p)) % p * p + i % p;
}

/**
 * Of logits by sum: cos(ws) and sin(ws) of these frequencies w = 2πk/p and the mean alone. Source:
 * Nanda et al., arXiv 2301.05217, section 5.1 (restricted loss).
 */
export function onlyWaves(
  means: ArrayLike<number>,
  p: number,
  frequencies: readonly number[],
): Float64Array {
  const waves = wavesOf(means, p, frequencies);
  for (let c = 0; c < p; c++) {
    let mean = 0;
    for (let s = 0; s < p; s++) mean += means[s * p + c] / p;
    for (let s = 0; s < p; s++) waves[s * p + c] += mean;
  }
  return waves;
}

/** The logits of the pairs without these cosines and sines of their sums (excluded loss). */
export function withoutWaves(
  logits: ArrayLike<number>,
  p: number,
  frequencies: readonly number[],
): Float64Array {
  const waves = wavesOf(meanBySum(logits, p), p, frequencies);
  return Float64Array.from(logits, (x, i) => x - waves[bySum(i, p)]);
}

function wavesOf(
  means: ArrayLike<number>,
  p: number,
  frequencies: readonly number[],
): Float64Array {
  const waves = new Float64Array(p * p);
  for (const k of frequencies) component(means, p, p, k).forEach((x, i) => waves[i] += x);
  return waves;
}
