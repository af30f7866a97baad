// y = op(x), elementwise. x, y: [count]. A thread computes one element.
override OP: u32;

struct Scalars { count: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> s: Scalars;

const SQRT_2_OVER_PI = 0.7978845608028654;

// tanh of a clamped argument: some drivers overflow e^2x and give NaN.
fn safe_tanh(v: f32) -> f32 { return tanh(clamp(v, -15.0, 15.0)); }

// erf to 2e-7 absolute. Source: Abramowitz & Stegun 7.1.26.
fn erf(v: f32) -> f32 {
  let a = abs(v);
  let t = 1.0 / (1.0 + 0.3275911 * a);
  let p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return sign(v) * (1.0 - p * exp(-a * a));
}

fn apply(v: f32) -> f32 {
  switch OP {
    case 0u: { return -v; }
    case 1u: { return exp(v); }
    case 2u: { return log(v); }
    case 3u: { return select(safe_tanh(v), v, abs(v) < 4e-4); }
    case 4u: { return sqrt(v); }
    case 5u: { return 1.0 / sqrt(v); }
    case 6u: { return 0.5 * v * (1.0 + safe_tanh(SQRT_2_OVER_PI * (v + 0.044715 * v * v * v))); }
    case 7u: { return 0.5 * v * (1.0 + erf(v * 0.7071067811865476)); }
    case 8u: { return max(v, 0.0); }
    case 9u: { return v / (1.0 + exp(-v)); }
    case 10u: { return 1.0 / (1.0 + exp(-v)); }
    case 11u: { return abs(v); }
    case 12u: { return v * v; }
    default: { return 1.0 / v; }
  }
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i < s.count) { y[i] = apply(x[i]); }
}
