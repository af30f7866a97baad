/**
 * Checks of attention's results, made before it is timed.
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
 * A sum's gradient by v is the sum of the weights that a key gets; all weights of a head sum to the
 * number of its queries.
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

/** Compares the first rows of the first sequence: they see no later ones. */
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
