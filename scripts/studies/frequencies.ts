/**
 * The frequencies in the embeddings of the numbers 0 … p − 1: which of them a model uses, and what
 * it does with some of them alone.
 *
 * @module
 */
import type { GPT } from "../../mod.ts";

/** The part of the embeddings [p, C] at frequency k: its cosine and its sine over a. */
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

/** Runs `body` with only the frequencies that `keep` names in the embeddings of numbers. */
export async function withFrequencies(
  model: GPT,
  p: number,
  keep: (k: number) => boolean,
  body: () => Promise<number>,
): Promise<number> {
  const { width } = model.config;
  const whole = Float32Array.from(await model.tokens.weight.data());
  const changed = Float32Array.from(whole);
  for (let k = 1; k <= (p - 1) / 2; k++) {
    if (!keep(k)) component(whole, p, width, k).forEach((x, i) => changed[i] -= x);
  }
  model.tokens.weight.write(changed);
  try {
    return await body();
  } finally {
    model.tokens.weight.write(whole);
  }
}
