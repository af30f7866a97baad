/**
 * Activations and their derivatives in float64, for the tests of kernels that approximate them.
 *
 * @module
 */

/** erf by Kummer's series, whose terms are all positive: to 10⁻¹⁵. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  let term = a, total = a;
  for (let n = 1; term > total * 1e-17 && n < 400; n++) {
    term *= 2 * a * a / (2 * n + 1);
    total += term;
  }
  return Math.sign(x) * 2 / Math.sqrt(Math.PI) * Math.exp(-a * a) * total;
}

/** 1/(1 + e⁻ˣ). */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** x·sigmoid(x). */
export function silu(x: number): number {
  return x * sigmoid(x);
}

/** s·(1 + x·(1 − s)), s = sigmoid(x). */
export function siluDerivative(x: number): number {
  const s = sigmoid(x);
  return s * (1 + x * sigmoid(-x));
}

const SCALE = Math.sqrt(2 / Math.PI);

/** ½x·(1 + tanh(√(2/π)·(x + 0.044715x³))). */
export function geluTanh(x: number): number {
  return x * sigmoid(2 * SCALE * (x + 0.044715 * x ** 3));
}

/** The derivative of `geluTanh`. */
export function geluTanhDerivative(x: number): number {
  const u = 2 * SCALE * (x + 0.044715 * x ** 3);
  const slope = 2 * SCALE * (1 + 3 * 0.044715 * x * x);
  return sigmoid(u) + x * sigmoid(u) * sigmoid(-u) * slope;
}

/** ½x·(1 + erf(x/√2)). */
export function gelu(x: number): number {
  return 0.5 * x * (1 + erf(x / Math.SQRT2));
}

/** The derivative of `gelu`. */
export function geluDerivative(x: number): number {
  const density = Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
  return 0.5 * (1 + erf(x / Math.SQRT2)) + x * density;
}
