/**
 * Elementary functions on four floats, and their scalar tails: exp, log, tanh, erf, GELU and their derivatives.
 *
 * Each is a polynomial or rational approximation after range reduction; its largest error, measured against float64 over its range
 * in tests/math_test.ts, stands in its comment. Inputs of NaN give NaN.
 *
 * @module
 */
import { type FunctionBuilder, V128 } from "../../lib/device/cpu/assembler.ts";

const c = (value: number): V128 => V128.of(value);

/** c[0] + x·(c[1] + x·(…)), by Horner's rule. */
function polynomial(f: FunctionBuilder, x: V128, coefficients: readonly number[]): V128 {
  let sum = c(coefficients[coefficients.length - 1]);
  for (const a of coefficients.slice(0, -1).reverse()) sum = f.madd(sum, x, c(a));
  return sum;
}

/**
 * eˣ, to 2 ulp for |x| ≤ 87; below −87.3 it gives 0 and above 88.7 infinity.
 * x = n·ln 2 + r with |r| ≤ ½·ln 2, e^r by a polynomial of degree 6, and 2ⁿ by the exponent's bits.
 */
export function exp(f: FunctionBuilder, input: V128): V128 {
  const x = f.v128(input);
  const clamped = f.v128(x.max(c(-87.33)).min(c(88.72)));
  const n = f.v128(clamped.mul(c(Math.LOG2E)).nearest());
  const r = f.v128(f.nmadd(n, c(-2.12194440e-4), f.nmadd(n, c(0.693359375), clamped)));
  const p = polynomial(f, r, [1, 1, 0.5, 1.6666665e-1, 4.1665796e-2, 8.3334519e-3, 1.3981999e-3]);
  // 2ⁿ in two factors, so that n = 128 does not overflow.
  const half = f.v128(n.toI().shrSI(1));
  const rest = n.toI().subI(half);
  const power = (e: V128) => e.addI(V128.ofI(127)).shlI(23);
  const scaled = f.v128(p.mul(power(half)).mul(power(rest)));
  const low = x.lt(c(-87.33));
  const high = f.v128(x.gt(c(88.72)));
  return high.bitSelect(c(Infinity), scaled.andNot(low));
}

/** ln x, to 2 ulp for normal x > 0; 0 gives −infinity, x < 0 NaN, infinity infinity. */
export function log(f: FunctionBuilder, input: V128): V128 {
  const x = f.v128(input);
  const tiny = f.v128(x.lt(c(1.17549435e-38)));
  const bits = f.v128(tiny.bitSelect(x.mul(c(8388608)), x));
  const exponent = f.v128(bits.shrUI(23).subI(V128.ofI(126)).toF());
  f.set(exponent, exponent.sub(tiny.and(c(23))));
  const m = f.v128(bits.and(V128.ofI(0x7fffff)).or(c(0.5))); // ½ ≤ m < 1
  const small = f.v128(m.lt(c(Math.SQRT1_2)));
  const e = f.v128(exponent.sub(small.and(c(1))));
  const r = f.v128(m.sub(c(1)).add(small.and(m)));
  const r2 = f.v128(r.mul(r));
  const p = polynomial(f, r, [
    3.3333331174e-1,
    -2.4999993993e-1,
    2.0000714765e-1,
    -1.6668057665e-1,
    1.4249322787e-1,
    -1.2420140846e-1,
    1.1676998740e-1,
    -1.1514610310e-1,
    7.0376836292e-2,
  ]);
  const tail = f.madd(e, c(-2.12194440e-4), r.mul(r2).mul(p));
  const low = r.add(f.nmadd(r2, c(0.5), tail));
  const value = f.v128(f.madd(e, c(0.693359375), low));
  const finite = x.lt(c(Infinity)).bitSelect(value, x);
  const positive = f.v128(x.gt(c(0)).bitSelect(finite, c(NaN)));
  return x.eq(c(0)).bitSelect(c(-Infinity), positive);
}

/** tanh x, to 3·10⁻⁷ relative: an odd rational function of degrees 13 and 6, clamped at |x| = 7.9 where tanh rounds to ±1. */
export function tanh(f: FunctionBuilder, input: V128): V128 {
  const given = f.v128(input);
  const x = f.v128(given.max(c(-7.90531)).min(c(7.90531)));
  const x2 = f.v128(x.mul(x));
  const top = polynomial(f, x2, [
    4.89352455891786e-3,
    6.37261928875436e-4,
    1.48572235717979e-5,
    5.12229709037114e-8,
    -8.60467152213735e-11,
    2.00018790482477e-13,
    -2.76076847742355e-16,
  ]);
  const bottom = polynomial(f, x2, [
    4.89352518554385e-3,
    2.268434632439e-3,
    1.18534705686654e-4,
    1.19825839466702e-6,
  ]);
  const value = x.mul(top).div(bottom);
  return given.abs().lt(c(4e-4)).bitSelect(given, value);
}

/** erf x, to 2·10⁻⁷ absolute. Source: Abramowitz & Stegun 7.1.26. */
export function erf(f: FunctionBuilder, input: V128): V128 {
  const x = f.v128(input);
  const a = f.v128(x.abs());
  const t = f.v128(c(1).div(f.madd(a, c(0.3275911), c(1))));
  const p = polynomial(f, t, [
    0.254829592,
    -0.284496736,
    1.421413741,
    -1.453152027,
    1.061405429,
  ]);
  const e = exp(f, a.mul(a).neg());
  const value = f.nmadd(p.mul(t), e, c(1));
  return value.or(x.and(c(-0)));
}

const GELU_SCALE = Math.sqrt(2 / Math.PI);
const GELU_CUBE = 0.044715;

/** GELU by tanh: ½x·(1 + tanh(√(2/π)·(x + 0.044715x³))), to 4·10⁻⁷·|x|. */
export function gelu(f: FunctionBuilder, input: V128): V128 {
  const x = f.v128(input);
  const t = tanh(f, geluInner(f, x));
  const half = f.v128(x.mul(c(0.5)));
  return f.madd(half, t, half);
}

/** The derivative of GELU by tanh. */
export function geluDerivative(f: FunctionBuilder, input: V128): V128 {
  const x = f.v128(input);
  const t = f.v128(tanh(f, geluInner(f, x)));
  const x2 = x.mul(x);
  const slope = f.madd(x2, c(3 * GELU_CUBE * GELU_SCALE), c(GELU_SCALE));
  const sech2 = f.nmadd(t, t, c(1));
  const half = c(0.5);
  return f.madd(x.mul(half).mul(sech2), slope, f.madd(t, half, half));
}

function geluInner(f: FunctionBuilder, x: V128): V128 {
  return x.mul(f.madd(x.mul(x), c(GELU_CUBE * GELU_SCALE), c(GELU_SCALE)));
}

/** GELU by erf: ½x·(1 + erf(x/√2)). */
export function geluErf(f: FunctionBuilder, input: V128): V128 {
  const x = f.v128(input);
  const half = f.v128(x.mul(c(0.5)));
  return f.madd(half, erf(f, x.mul(c(Math.SQRT1_2))), half);
}

/** The derivative of GELU by erf: Φ(x) + x·φ(x). */
export function geluErfDerivative(f: FunctionBuilder, input: V128): V128 {
  const x = f.v128(input);
  const cumulative = f.v128(f.madd(erf(f, x.mul(c(Math.SQRT1_2))), c(0.5), c(0.5)));
  const density = exp(f, x.mul(x).mul(c(-0.5))).mul(c(1 / Math.sqrt(2 * Math.PI)));
  return f.madd(x, density, cumulative);
}

/** The logistic function 1/(1 + e⁻ˣ). */
export function sigmoid(f: FunctionBuilder, input: V128): V128 {
  return c(1).div(exp(f, input.neg()).add(c(1)));
}

/** x·sigmoid(x). */
export function silu(f: FunctionBuilder, input: V128): V128 {
  const x = f.v128(input);
  return x.mul(sigmoid(f, x));
}

/** The derivative of silu: s·(1 + x·(1 − s)), s = sigmoid(x). */
export function siluDerivative(f: FunctionBuilder, input: V128): V128 {
  const x = f.v128(input);
  const s = f.v128(sigmoid(f, x));
  return s.mul(f.madd(x, c(1).sub(s), c(1)));
}

/** The sum of the four lanes. */
export function sumLanes(f: FunctionBuilder, input: V128): ReturnType<V128["lane"]> {
  const x = f.v128(input);
  const pairs = f.v128(x.add(x.shuffle(x, 2, 3, 0, 1)));
  return pairs.lane(0).add(pairs.lane(1));
}

/** The largest of the four lanes. */
export function maxLane(f: FunctionBuilder, input: V128): ReturnType<V128["lane"]> {
  const x = f.v128(input);
  const pairs = f.v128(x.max(x.shuffle(x, 2, 3, 0, 1)));
  return pairs.lane(0).max(pairs.lane(1));
}
