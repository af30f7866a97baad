/**
 * Checks of attention's results, done before it is timed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { referenceAttention } from "../tests/support/attention_reference.ts";
import { assertClose } from "../tests/support/gradient_check.ts";

/** Sizes of causal self-attention. */
export interface AttentionSizes {
  readonly heads: number;
  readonly time: number;
  readonly headSize: number;
}

/**
 * The gradient of a sum with respect to v is, for each key, the sum of its weights; over all keys
 * of a head it is the number of queries.
 */
export function checkValueGradient(gradient: ArrayLike<number>, sizes: AttentionSizes): void {
  const { heads, time, headSize } = sizes;
  const width = heads * headSize;
  for (let column = 2 * width; column < 3 * width; column += headSize) {
    let total = 0;
    for (let t = 0; t < time; t++) total += gradient[3 * width * t + column];
    assert.ok(Math.abs(total - time) < 1e-4 * time, `weights sum to ${total}, not ${time}`);
  }
}

/** Compares the first rows of the first sequence, which depend on no later ones. */
export function checkFirstRows(
  values: Float32Array,
  output: ArrayLike<number>,
  sizes: AttentionSizes,
): void {
  const { heads, headSize } = sizes;
  const [rows, width] = [8, heads * headSize];
  const columns = (from: number) =>
    Float32Array.from(
      { length: rows * width },
      (_, i) => values[Math.floor(i / width) * 3 * width + from + i % width],
    );
  const [q, k, v] = [0, width, 2 * width].map(columns);
  const one = { batch: 1, heads, keyValueHeads: heads, queries: rows, keys: rows, headSize };
  const expected = referenceAttention({ ...one, causal: true }, { q, k, v }).output;
  assertClose(Array.from(output).slice(0, rows * width), expected, 1e-5, "first rows");
}
