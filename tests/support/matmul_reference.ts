/**
 * Matrix products and activations in float64, written plainly, for the tests of matmul and linear.
 *
 * @module
 */
import assert from "node:assert/strict";

/** Which operands are transposed. */
export interface Form {
  name: string;
  transposeA: boolean;
  transposeB: boolean;
}

/** All four forms. */
export const FORMS: Form[] = ["NN", "NT", "TN", "TT"].map((name) => ({
  name,
  transposeA: name[0] === "T",
  transposeB: name[1] === "T",
}));

/** `count` floats in (−1, 1), the same for the same seed. */
export function floats(count: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed * 2654435761 >>> 0 || 1;
  return Float32Array.from({ length: count }, () => {
    state ^= state << 13, state ^= state >>> 17, state ^= state << 5;
    return (state >>> 0) / 2 ** 31 - 1;
  });
}

/** op(a)·op(b). */
export function reference(
  a: Float32Array,
  b: Float32Array,
  m: number,
  n: number,
  k: number,
  { transposeA, transposeB }: Omit<Form, "name">,
): Float64Array {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let l = 0; l < k; l++) {
        sum += a[transposeA ? l * m + i : i * k + l] * b[transposeB ? j * k + l : l * n + j];
      }
      c[i * n + j] = sum;
    }
  }
  return c;
}

/** Asserts that sums of k products, each below 1, are right to what float32 allows. */
export function assertProduct(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  k: number,
  what: string,
): void {
  assert.equal(actual.length, expected.length, what);
  const allowed = 2e-6 * (2 + Math.sqrt(k));
  for (let i = 0; i < actual.length; i++) {
    const error = Math.abs(actual[i] - expected[i]) / (1 + Math.abs(expected[i]));
    assert.ok(
      error <= allowed,
      `${what}: element ${i} is ${actual[i]}, expected ${
        expected[i]
      } (error ${error}, allowed ${allowed})`,
    );
  }
}

/** erf by its series, to 1e-15 for |x| ≤ 5. */
function erf(x: number): number {
  if (Math.abs(x) > 5) return Math.sign(x);
  let term = x, sum = x;
  for (let i = 1; i < 120; i++) sum += (term *= -x * x / i) / (2 * i + 1);
  return 2 / Math.sqrt(Math.PI) * sum;
}

const inner = (x: number) => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Each activation with its derivative. */
export const activations = {
  none: { value: (x: number) => x, derivative: (_: number) => 1 },
  gelu_tanh: {
    value: (x: number) => 0.5 * x * (1 + Math.tanh(inner(x))),
    derivative: (x: number) => {
      const t = Math.tanh(inner(x));
      const slope = Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope;
    },
  },
  gelu: {
    value: (x: number) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
    derivative: (x: number) =>
      0.5 * (1 + erf(x / Math.SQRT2)) + x * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI),
  },
  relu: { value: (x: number) => Math.max(x, 0), derivative: (x: number) => x > 0 ? 1 : 0 },
  relu_squared: {
    value: (x: number) => Math.max(x, 0) ** 2,
    derivative: (x: number) => 2 * Math.max(x, 0),
  },
  silu: {
    value: (x: number) => x * sigmoid(x),
    derivative: (x: number) => sigmoid(x) * (1 + x * (1 - sigmoid(x))),
  },
};
