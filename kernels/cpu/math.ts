/**
 * Elementary functions on four floats: exp, exp2, log, tanh, erf, GELU and their derivatives, and
 * reductions of four lanes.
 *
 * Each is a polynomial or rational approximation after range reduction. Its comment states its
 * largest error, which tests/math_test.ts measures against float64 over its range. NaN yields NaN.
 *
 * @module
 */
import { type FunctionBuilder, V128 } from "../../lib/wasm/assembler.ts";

/** The same float in all lanes, kept in a local. */
const c = (f: FunctionBuilder, value: number): V128 => f.constant(V128.of(value));

/** c[0] + x·(c[1] + x·(…)), by Horner's rule. */
function polynomial(f: FunctionBuilder, x: V128, coefficients: readonly number[]): V128 {
  let sum = c(f, coefficients[coefficients.length - 1]);
  for (const a of coefficients.slice(0, -1).reverse()) sum = f.madd(sum, x, c(f, a));
  return sum;
}

/** e^r for |r| ≤ ½·ln 2 to 3·10⁻⁹: a minimax fit. */
const EXPONENTIAL = [
  1,
  1,
  0.49999993432121603,
  0.1666652039902048,
  0.04166839078500003,
  0.008368745110866807,
  0.0013814540107379939,
];

/**
 * Added to a float below 2²², it leaves the nearest integer plus 126 in the low bits: 1.5·2²³ +
 * 126.
 */
const ROUNDER = 12582912 + 126;

/**
 * eˣ, to 1.6 ulp, 1 ulp if |x| ≤ 1; 0 below −87, infinity above 88.73. x = n·ln 2 + r
 * with |r| ≤ ½·ln 2, e^r by a polynomial of degree 6, and 2ⁿ⁻¹ by the exponent's bits, doubled so
 * that n = 128 overflows when it should.
 */
export function exp(f: FunctionBuilder, input: V128): V128 {
  const x = f.v128(input.pmax(c(f, -87.33)).pmin(c(f, 89)));
  const rounded = f.v128(f.madd(x, c(f, Math.LOG2E), c(f, ROUNDER)));
  const n = f.v128(rounded.sub(c(f, ROUNDER)));
  const r = f.v128(f.nmadd(n, c(f, -2.12194440e-4), f.nmadd(n, c(f, 0.693359375), x)));
  const p = polynomial(f, r, EXPONENTIAL);
  const scaled = f.v128(p.mul(rounded.shlI(23)));
  return scaled.add(scaled);
}

/** 2^r for |r| ≤ ½, interpolated at Chebyshev points; from the highest power down. */
const POWER_OF_TWO = [
  1.5461444895632573e-4,
  1.3400428177416093e-3,
  9.61805667853236e-3,
  5.550327226670846e-2,
  0.2402265092228873,
  0.6931472067028324,
  1,
];

/**
 * 2ˣ for x ≤ 1, to 2 ulp; 0 below −126. x = n + r with |r| ≤ ½, 2^r by a polynomial of degree 6, n
 * added to the exponent.
 */
export function exp2(f: FunctionBuilder, input: V128): V128 {
  const rounder = c(f, 1.5 * 2 ** 23);
  const smallest = c(f, -126);
  const x = f.v128(input);
  const clamped = f.v128(x.pmax(smallest));
  const shifted = f.v128(clamped.add(rounder));
  const r = f.v128(clamped.sub(shifted.sub(rounder)));
  const [highest, ...others] = POWER_OF_TWO.map((a) => c(f, a));
  const p = others.reduce((sum, a) => f.madd(sum, r, a), highest);
  return p.addI(shifted.shlI(23)).andNot(x.lt(smallest));
}

/** ln x, to 1 ulp, also of subnormals; −infinity for 0, NaN for x < 0, infinity for infinity. */
export function log(f: FunctionBuilder, input: V128): V128 {
  const x = f.v128(input);
  const tiny = f.v128(x.lt(c(f, 1.17549435e-38)));
  const bits = f.v128(tiny.bitSelect(x.mul(c(f, 8388608)), x));
  const exponent = f.v128(bits.shrUI(23).subI(f.constant(V128.ofI(126))).toF());
  f.set(exponent, exponent.sub(tiny.and(c(f, 23))));
  const m = f.v128(bits.and(f.constant(V128.ofI(0x7fffff))).or(c(f, 0.5))); // ½ ≤ m < 1
  const small = f.v128(m.lt(c(f, Math.SQRT1_2)));
  const e = f.v128(exponent.sub(small.and(c(f, 1))));
  const r = f.v128(m.sub(c(f, 1)).add(small.and(m)));
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
  const tail = f.madd(e, c(f, -2.12194440e-4), r.mul(r2).mul(p));
  const low = r.add(f.nmadd(r2, c(f, 0.5), tail));
  const value = f.v128(f.madd(e, c(f, 0.693359375), low));
  const finite = x.lt(c(f, Infinity)).bitSelect(value, x);
  const positive = f.v128(x.gt(c(f, 0)).bitSelect(finite, c(f, NaN)));
  return x.eq(c(f, 0)).bitSelect(c(f, -Infinity), positive);
}

/**
 * tanh x, to 1.6 ulp: for |x| < 0.55 by an odd polynomial of degree 9 (minimax fit), beyond by 1 −
 * 2/(1 + e^2|x|), which ends in ±1.
 */
export function tanh(f: FunctionBuilder, input: V128): V128 {
  const x = f.v128(input);
  const size = f.v128(x.abs());
  const square = f.v128(x.mul(x));
  const odd = polynomial(f, square, [
    -0.33332957499255783,
    0.1332094194841379,
    -0.05268414655156404,
    0.016458763850914025,
  ]);
  const near = f.v128(f.madd(odd.mul(square), size, size));
  const far = f.v128(c(f, 1).sub(c(f, 2).div(exp(f, size.add(size)).add(c(f, 1)))));
  return size.lt(c(f, 0.55)).bitSelect(near, far).or(x.and(c(f, -0)));
}

/**
 * erf x, to 6·10⁻⁷ absolute (the formula itself to 1.5·10⁻⁷). Source: Abramowitz & Stegun 7.1.26.
 */
export function erf(f: FunctionBuilder, input: V128): V128 {
  return erfAndBell(f, input)[0];
}

/** erf x, and e^−x², which it computes on the way. */
function erfAndBell(f: FunctionBuilder, input: V128): [V128, V128] {
  const x = f.v128(input);
  const a = f.v128(x.abs());
  const t = f.v128(c(f, 1).div(f.madd(a, c(f, 0.3275911), c(f, 1))));
  const p = polynomial(f, t, [
    0.254829592,
    -0.284496736,
    1.421413741,
    -1.453152027,
    1.061405429,
  ]);
  const bell = f.v128(exp(f, a.mul(a).neg()));
  const value = f.nmadd(p.mul(t), bell, c(f, 1));
  return [value.or(x.and(c(f, -0))), bell];
}

const GELU_SCALE = Math.sqrt(2 / Math.PI);
const GELU_CUBE = 0.044715;

/**
 * GELU by tanh: ½x·(1 + tanh u) = x·sigmoid(2u), u = √(2/π)·(x + 0.044715x³), to 1.5·10⁻⁷·max(1,
 * |x|). x < −10 is taken as −10, whose value is −10⁻³⁷.
 */
export function geluTanh(f: FunctionBuilder, input: V128): V128 {
  const x = f.v128(input.pmax(c(f, -10)));
  const e = geluPower(f, f.v128(x.pmin(c(f, 10))));
  return x.div(e.add(c(f, 1)));
}

/** The derivative of GELU by tanh: s + x·s·(1 − s)·2u′, s = sigmoid(2u), to 2.5·10⁻⁷ absolute. */
export function geluTanhDerivative(f: FunctionBuilder, input: V128): V128 {
  const x = f.v128(input.pmax(c(f, -10)).pmin(c(f, 10)));
  const e = f.v128(geluPower(f, x));
  const s = f.v128(c(f, 1).div(e.add(c(f, 1))));
  const slope = f.madd(x.mul(x), c(f, 6 * GELU_CUBE * GELU_SCALE), c(f, 2 * GELU_SCALE));
  return f.madd(x.mul(s).mul(e.mul(s)), slope, s);
}

/**
 * e^−2u for |x| ≤ 10, as 2^t with |t| ≤ 126: t is rounded once, which costs up to 2⁻¹⁸ relative
 * when e^−2u is far from 1 and counts little, and saves the two-part ln 2 and the limits of `exp`.
 * 2^t by a polynomial of degree 6, that of `exp`.
 */
function geluPower(f: FunctionBuilder, x: V128): V128 {
  const scale = -2 * GELU_SCALE * Math.LOG2E;
  const t = f.v128(x.mul(f.madd(x.mul(x), c(f, GELU_CUBE * scale), c(f, scale))));
  const rounded = f.v128(t.add(c(f, ROUNDER + 1)));
  const r = f.v128(t.sub(rounded.sub(c(f, ROUNDER + 1))));
  const p = polynomial(f, r, EXPONENTIAL.map((a, i) => a * Math.LN2 ** i));
  return p.mul(rounded.shlI(23));
}

/** GELU, exact: ½x·(1 + erf(x/√2)), to 2·10⁻⁷·max(1, |x|). */
export function gelu(f: FunctionBuilder, input: V128): V128 {
  const x = f.v128(input);
  const half = f.v128(x.mul(c(f, 0.5)));
  return f.madd(half, erf(f, x.mul(c(f, Math.SQRT1_2))), half);
}

/** The derivative of exact GELU: Φ(x) + x·φ(x), to 4·10⁻⁷ absolute. */
export function geluDerivative(f: FunctionBuilder, input: V128): V128 {
  const x = f.v128(input);
  const [value, bell] = erfAndBell(f, x.mul(c(f, Math.SQRT1_2)));
  const cumulative = f.v128(f.madd(value, c(f, 0.5), c(f, 0.5)));
  return f.madd(x, bell.mul(c(f, 1 / Math.sqrt(2 * Math.PI))), cumulative);
}

/** The logistic function 1/(1 + e⁻ˣ), to 2.5 ulp if |x| ≤ 86; it saturates at 0 below. */
export function sigmoid(f: FunctionBuilder, input: V128): V128 {
  return c(f, 1).div(exp(f, input.neg()).add(c(f, 1)));
}

/** x·sigmoid(x), to 3 ulp if |x| ≤ 86; NaN at −∞. */
export function silu(f: FunctionBuilder, input: V128): V128 {
  const x = f.v128(input);
  return x.mul(sigmoid(f, x));
}

/** The derivative of silu: s·(1 + x·(1 − s)), s = sigmoid(x), to 1.5·10⁻⁷·max(1, |x|). */
export function siluDerivative(f: FunctionBuilder, input: V128): V128 {
  const x = f.v128(input);
  const s = f.v128(sigmoid(f, x));
  return s.mul(f.madd(x, c(f, 1).sub(s), c(f, 1)));
}

/** x². */
export function square(f: FunctionBuilder, input: V128): V128 {
  const x = f.v128(input);
  return x.mul(x);
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
