// y = op(x), elementwise. x, y: [count]. A thread computes one element.
// After activations.wgsl.
override OP: u32;

// A polynomial near 0, where 1 − 2/(1 + e^2|v|) loses digits; some drivers' own tanh overflows.
fn accurate_tanh(v: f32) -> f32 {
  let q = v * v;
  let odd = -0.33332957 + q * (0.13320942 + q * (-0.052684147 + q * 0.016458764));
  if (q < 0.3025) { return v + v * q * odd; }
  let doubled = 2.0 * abs(v);
  let size = 1.0 - 2.0 / (1.0 + exp(select(doubled, 80.0, doubled > 80.0)));
  return select(size, -size, v < 0.0);
}

fn apply(v: f32) -> f32 {
  switch OP {
    case 0u: { return -v; }
    case 1u: { return exp(v); }
    case 2u: { return log(v); }
    case 3u: { return accurate_tanh(v); }
    case 4u: { return sqrt(v); }
    case 5u: { return 1.0 / sqrt(v); }
    case 6u: { return gelu(v); }
    case 7u: { return gelu_erf(v); }
    case 8u: { return relu(v); }
    case 9u: { return silu(v); }
    case 10u: { return 1.0 / (1.0 + exp(-v)); }
    case 11u: { return abs(v); }
    case 12u: { return v * v; }
    default: { return 1.0 / v; }
  }
}

fn each_thread(i: u32) {
  if (i < s.count) { y[i] = apply(x[i]); }
}
