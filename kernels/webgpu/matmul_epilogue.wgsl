// The buffers of a product, and what becomes of it before it is stored; put in front of each of the matmul kernels.
// v = product + bias; saved = v; c = activation(v) * activation_backward'(pre) + residual, each part where its constant asks for it.
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read> pre: array<f32>;
@group(0) @binding(5) var<storage, read_write> c: array<f32>;
@group(0) @binding(6) var<storage, read_write> saved: array<f32>;

override BIAS: u32;
override RESIDUAL: u32;
override ACTIVATION: u32;
override SAVE: u32;
override ACTIVATION_BACKWARD: u32;

const SQRT_2_OVER_PI = 0.7978845608028654;

// ½v·(1 + tanh u) = v·sigmoid(2u), u = √(2/π)·(v + 0.044715v³). Below −10 it is 0; written so that NaN stays.
fn gelu(v: f32) -> f32 {
  let w = select(v, -10.0, v < -10.0);
  return w / (1.0 + exp(-2.0 * SQRT_2_OVER_PI * (w + 0.044715 * w * w * w)));
}

// s + v·s·(1 − s)·2u′, s = sigmoid(2u); constant beyond ±10. Written so that NaN stays.
fn gelu_derivative(v: f32) -> f32 {
  let low = select(v, -10.0, v < -10.0);
  let w = select(low, 10.0, low > 10.0);
  let e = exp(-2.0 * SQRT_2_OVER_PI * (w + 0.044715 * w * w * w));
  let s = 1.0 / (1.0 + e);
  return s + w * s * (e * s) * 2.0 * SQRT_2_OVER_PI * (1.0 + 0.134145 * w * w);
}

// erf to 2e-7 absolute. Source: Abramowitz & Stegun 7.1.26.
fn erf(v: f32) -> f32 {
  let a = abs(v);
  let t = 1.0 / (1.0 + 0.3275911 * a);
  let p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return sign(v) * (1.0 - p * exp(-a * a));
}

fn activate(v: f32) -> f32 {
  switch ACTIVATION {
    case 1u: { return gelu(v); }
    case 2u: { return 0.5 * v * (1.0 + erf(v * 0.7071067811865476)); }
    case 3u: { return select(v, 0.0, v < 0.0); }
    case 4u: { return v / (1.0 + exp(-v)); }
    default: { return v; }
  }
}

fn slope(v: f32) -> f32 {
  switch ACTIVATION_BACKWARD {
    case 1u: { return gelu_derivative(v); }
    case 2u: { return 0.5 * (1.0 + erf(v * 0.7071067811865476)) + v * exp(-0.5 * v * v) * 0.3989422804014327; }
    case 3u: { return select(0.0, 1.0, v > 0.0); }
    case 4u: {
      let g = 1.0 / (1.0 + exp(-v));
      return g * (1.0 + v * (1.0 - g));
    }
    default: { return 1.0; }
  }
}

// Stores the product that belongs at `at` of c, in the given column.
fn finish(product: f32, column: u32, at: u32) {
  var v = product;
  if (BIAS == 1u) { v += bias[column]; }
  if (SAVE == 1u) { saved[at] = v; }
  v = activate(v);
  if (ACTIVATION_BACKWARD != 0u) { v *= slope(pre[at]); }
  if (RESIDUAL == 1u) { v += residual[at]; }
  c[at] = v;
}
