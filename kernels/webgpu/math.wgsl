// Elementary functions and derivatives that WGSL lacks, or whose precision is too low in WGSL; the
// WebAssembly forms are in ../cpu/math.ts.
const SQRT_2_OVER_PI = 0.7978845608028654;

// A polynomial near 0, where 1 − 2/(1 + e^2|v|) loses digits; some drivers' own tanh overflows.
fn accurate_tanh(v: f32) -> f32 {
  let q = v * v;
  let odd = -0.33332957 + q * (0.13320942 + q * (-0.052684147 + q * 0.016458764));
  if (q < 0.3025) { return v + v * q * odd; }
  let doubled = 2.0 * abs(v);
  let size = 1.0 - 2.0 / (1.0 + exp(select(doubled, 80.0, doubled > 80.0)));
  return select(size, -size, v < 0.0);
}

// erf to 2e-7 absolute. Source: Abramowitz & Stegun 7.1.26.
fn erf(v: f32) -> f32 {
  let a = abs(v);
  let t = 1.0 / (1.0 + 0.3275911 * a);
  let p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return sign(v) * (1.0 - p * exp(-a * a));
}

// GELU, exact: v·Φ(v).
fn gelu(v: f32) -> f32 { return 0.5 * v * (1.0 + erf(v * 0.7071067811865476)); }

fn gelu_derivative(v: f32) -> f32 {
  return 0.5 * (1.0 + erf(v * 0.7071067811865476)) + v * exp(-0.5 * v * v) * 0.3989422804014327;
}

// ½v·(1 + tanh u) = v·sigmoid(2u), u = √(2/π)·(v + 0.044715v³). Below −10 it is 0; written so that
// NaN stays.
fn gelu_tanh(v: f32) -> f32 {
  let w = select(v, -10.0, v < -10.0);
  return w / (1.0 + exp(-2.0 * SQRT_2_OVER_PI * (w + 0.044715 * w * w * w)));
}

// s + v·s·(1 − s)·2u′, s = sigmoid(2u); constant beyond ±10. Written so that NaN stays.
fn gelu_tanh_derivative(v: f32) -> f32 {
  let low = select(v, -10.0, v < -10.0);
  let w = select(low, 10.0, low > 10.0);
  let e = exp(-2.0 * SQRT_2_OVER_PI * (w + 0.044715 * w * w * w));
  let s = 1.0 / (1.0 + e);
  return s + w * s * (e * s) * 2.0 * SQRT_2_OVER_PI * (1.0 + 0.134145 * w * w);
}

fn silu(v: f32) -> f32 { return v / (1.0 + exp(-v)); }

fn silu_derivative(v: f32) -> f32 {
  let g = 1.0 / (1.0 + exp(-v));
  return g * (1.0 + v * (1.0 - g));
}
