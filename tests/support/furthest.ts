/**
 * The distance of values from those of a reference.
 *
 * @module
 */
import assert from "node:assert/strict";

/** The largest |actual − expected|; NaN if one of them is, so that no bound is kept. */
export function furthest(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.equal(actual.length, expected.length);
  let worst = 0;
  for (let i = 0; i < actual.length; i++) {
    worst = Math.max(worst, Math.abs(actual[i] - expected[i])); // the maximum with NaN is NaN
  }
  return worst;
}
