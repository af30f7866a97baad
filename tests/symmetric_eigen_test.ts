/** Eigenvectors of symmetric matrices: A·v = λ·v and orthonormality, for easy and hard spectra. */
import assert from "node:assert/strict";
import { symmetricEigen } from "../lib/symmetric_eigen.ts";
import { Random } from "../lib/random.ts";

const random = new Random(11);

/** [n,n] of N(0, scale²). */
function symmetric(n: number, scale = 1): Float64Array {
  const matrix = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) matrix[i * n + j] = matrix[j * n + i] = scale * random.normal();
  }
  return matrix;
}

/** X·Xᵀ for X [n,rank]. */
function ofRank(rank: number, n: number): Float64Array {
  const x = Array.from({ length: n * rank }, () => random.normal());
  return Float64Array.from({ length: n * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    return x.slice(i * rank, i * rank + rank).reduce((s, v, k) => s + v * x[j * rank + k], 0);
  });
}

/** Elements that shrink by a factor of 10 from row to row and from column to column. */
function graded(n: number): Float64Array {
  return symmetric(n).map((value, at) => value * 10 ** -(Math.floor(at / n) + at % n));
}

const MATRICES: Record<string, [matrix: Float64Array, n: number]> = {
  "one number": [Float64Array.of(3), 1],
  "two axes": [Float64Array.of(2, 1, 1, 2), 2],
  "zeros": [new Float64Array(16), 4],
  "a diagonal with a double value": [Float64Array.of(1, 0, 0, 0, 2, 0, 0, 0, 2), 3],
  "ones, of rank 1": [new Float64Array(400).fill(1), 20],
  "normal numbers": [symmetric(60), 60],
  "rank 3 of 40": [ofRank(3, 40), 40],
  "numbers near 1e-150": [symmetric(20, 1e-150), 20],
  "numbers near 1e150": [symmetric(20, 1e150), 20],
  "graded": [graded(12), 12],
};

for (const [name, [matrix, n]] of Object.entries(MATRICES)) {
  Deno.test(`symmetricEigen: ${name}`, () => {
    const { values, vector } = symmetricEigen(matrix.slice(), n);
    const vectors = Array.from(values, (_, k) => vector(k));
    const scale = matrix.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    vectors.forEach((v, k) => {
      for (let i = 0; i < n; i++) {
        const product = v.reduce((sum, value, j) => sum + matrix[i * n + j] * value, 0);
        assert.ok(Math.abs(product - values[k] * v[i]) <= 1e-14 * n * scale, `A·v of ${k} at ${i}`);
      }
      vectors.forEach((other, l) => {
        const dot = v.reduce((sum, value, i) => sum + value * other[i], 0);
        assert.ok(Math.abs(dot - (k === l ? 1 : 0)) <= 1e-13, `product of ${k} and ${l}: ${dot}`);
      });
    });
  });
}

Deno.test("symmetricEigen ends for a matrix that is not finite", () => {
  assert.ok(Number.isNaN(symmetricEigen(Float64Array.of(1, NaN, NaN, 1), 2).values[0]));
});
