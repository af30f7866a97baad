/**
 * Attention in float64, written plainly: the oracle of the attention tests and benches.
 *
 * @module
 */

import type { AttentionOptions } from "../../lib/ops/attention_layout.ts";
import { type Tensor, tensor } from "../../lib/tensor/tensor.ts";

/** Sizes and mask of a case; `lengths` are keyLengths. */
export interface AttentionCase {
  batch: number;
  heads: number;
  keyValueHeads: number;
  queries: number;
  keys: number;
  headSize: number;
  causal: boolean;
  window?: number;
  lengths?: number[];
  /** [B·Tq] */
  firstKeys?: number[];
  scale?: number;
  softCap?: number;
  alibi?: boolean;
}

/** ALiBi's slopes of `heads` heads, from the paper's definition. */
export function alibiSlopes(heads: number): number[] {
  const whole = 2 ** Math.floor(Math.log2(heads));
  const slopes = (n: number) => Array.from({ length: n }, (_, h) => 2 ** (-8 * (h + 1) / n));
  const between = slopes(2 * whole).filter((_, h) => h % 2 === 0);
  return [...slopes(whole), ...between].slice(0, heads);
}

/** Values of q [B,Tq,H·D], k and v [B,Tk,Hkv·D], and optionally of the result's gradient. */
export interface AttentionValues {
  q: ArrayLike<number>;
  k: ArrayLike<number>;
  v: ArrayLike<number>;
  gradient?: ArrayLike<number>;
  /** Dropout's factors of the weights, [B,H,Tq,Tk]. */
  factors?: ArrayLike<number>;
}

/** Whether the query i sees the key j of the batch b. */
export function sees(c: AttentionCase, b: number, i: number, j: number): boolean {
  const p = i + c.keys - c.queries;
  if (c.causal && j > p) return false;
  if (c.window !== undefined && Math.abs(p - j) >= c.window) return false;
  if (c.firstKeys && j < c.firstKeys[b * c.queries + i]) return false;
  return !c.lengths || j < c.lengths[b];
}

/**
 * The output [B,Tq,H·D], the weights before dropout [B,H,Tq,Tk], and, if an output gradient is
 * passed, the gradients.
 */
export function referenceAttention(c: AttentionCase, values: AttentionValues): {
  output: Float64Array;
  weights: Float64Array;
  dq: Float64Array;
  dk: Float64Array;
  dv: Float64Array;
} {
  const { batch, heads, keyValueHeads, queries, keys, headSize: D } = c;
  const scale = c.scale ?? 1 / Math.sqrt(D);
  const [output, dq] = [0, 0].map(() => new Float64Array(batch * queries * heads * D));
  const [dk, dv] = [0, 0].map(() => new Float64Array(batch * keys * keyValueHeads * D));
  const weights = new Float64Array(batch * heads * queries * keys);
  const { q, k, v, gradient, factors } = values;
  const dot = (a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number) => {
    let sum = 0;
    for (let d = 0; d < D; d++) sum += a[i + d] * b[j + d];
    return sum;
  };
  const slopesOfHeads = alibiSlopes(heads);
  const capSlopes = new Float64Array(keys);
  const adjust = (score: number, h: number, i: number, j: number) => {
    if (c.softCap) return c.softCap * Math.tanh(score / c.softCap);
    return c.alibi ? score + slopesOfHeads[h] * (j - (i + keys - queries)) : score;
  };
  for (let n = 0; n < batch * heads * queries; n++) {
    const i = n % queries, h = Math.floor(n / queries) % heads;
    const b = Math.floor(n / queries / heads);
    const row = ((b * queries + i) * heads + h) * D;
    const keyHead = Math.floor(h / (heads / keyValueHeads));
    const keyRow = (j: number) => ((b * keys + j) * keyValueHeads + keyHead) * D;
    const p = weights.subarray(n * keys, (n + 1) * keys);
    const factor = (j: number) => factors ? factors[n * keys + j] : 1;
    for (let j = 0; j < keys; j++) {
      p[j] = sees(c, b, i, j) ? adjust(scale * dot(q, row, k, keyRow(j)), h, i, j) : -Infinity;
      capSlopes[j] = c.softCap ? 1 - (p[j] / c.softCap) ** 2 : 1;
    }
    const largest = p.reduce((x, y) => Math.max(x, y), -Infinity);
    for (let j = 0; j < keys; j++) p[j] = p[j] === -Infinity ? 0 : Math.exp(p[j] - largest);
    const sum = p.reduce((x, y) => x + y, 0);
    for (let j = 0; j < keys; j++) {
      if (sum > 0) p[j] /= sum;
      for (let d = 0; d < D; d++) output[row + d] += factor(j) * p[j] * v[keyRow(j) + d];
    }
    if (!gradient) continue;
    const delta = dot(gradient, row, output, row);
    for (let j = 0; j < keys; j++) {
      const dp = factor(j) * dot(gradient, row, v, keyRow(j));
      const ds = p[j] && p[j] * (dp - delta) * scale * capSlopes[j];
      for (let d = 0; d < D; d++) {
        dq[row + d] += ds * k[keyRow(j) + d];
        dk[keyRow(j) + d] += ds * q[row + d];
        dv[keyRow(j) + d] += factor(j) * p[j] * gradient[row + d];
      }
    }
  }
  return { output, weights, dq, dk, dv };
}

/** Fixed numbers that look random, within ±amplitude. */
export function testValues(length: number, seed: number, amplitude = 1): Float32Array<ArrayBuffer> {
  let state = seed * 2654435761 >>> 0 || 1;
  return Float32Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state = (state ^ state << 5) >>> 0;
    return amplitude * (state / 2 ** 31 - 1);
  });
}

/** A case as the arguments of `attention`, with the values of its inputs. */
export interface CaseTensors {
  readonly values: Required<Omit<AttentionValues, "factors">>;
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  /** Of the result. */
  readonly gradient: Tensor;
  readonly options: AttentionOptions;
}

/** The inputs of a case on the current device, their values, and the options of `attention`. */
export function caseTensors(c: AttentionCase): CaseTensors {
  const { batch, heads, keyValueHeads, queries, keys, headSize } = c;
  const shape = [batch, queries, heads * headSize];
  const keyShape = [batch, keys, keyValueHeads * headSize];
  const [size, keySize] = [shape, keyShape].map((lengths) => lengths.reduce((a, b) => a * b));
  const values = {
    q: testValues(size, 1, 2),
    k: testValues(keySize, 2, 2),
    v: testValues(keySize, 3),
    gradient: testValues(size, 4),
  };
  const [q, gradient] = [values.q, values.gradient].map((data) => tensor(data, { shape }));
  const [k, v] = [values.k, values.v].map((data) => tensor(data, { shape: keyShape }));
  const keyLengths = c.lengths && tensor(Int32Array.from(c.lengths));
  const { causal, window, scale, softCap, alibi } = c;
  const options = { heads, keyValueHeads, causal, window, scale, softCap, alibi, keyLengths };
  return { values, q, k, v, gradient, options };
}
