// c = op(a, b), elementwise with broadcasting. c: [d0,d1,d2,d3] of count elements; a and b by a
// stride for each axis, 0 where stretched. A thread computes one element. After activations.wgsl.
override OP: u32;
override BROADCAST: u32;
override A_STEP: u32;
override B_STEP: u32;

fn apply(u: f32, v: f32) -> f32 {
  switch OP {
    case 0u: { return u + v; }
    case 1u: { return u - v; }
    case 2u: { return u * v; }
    case 3u: { return u / v; }
    case 4u: { return max(u, v); }
    case 5u: { return min(u, v); }
    case 6u: { return select(0.0, 1.0, u > v); }
    case 7u: { return select(0.0, 1.0, u >= v); }
    case 8u: { return select(0.0, 1.0, u == v); }
    case 9u: { return u * gelu_derivative(v); }
    case 10u: { return u * gelu_erf_derivative(v); }
    case 11u: { return select(0.0, u, v > 0.0); }
    default: { return u * silu_derivative(v); }
  }
}

fn each_thread(i: u32) {
  if (i >= s.count) { return; }
  if (BROADCAST == 0u) {
    c[i] = apply(a[i], b[i]);
    return;
  }
  let i3 = i % s.d3;
  let row = i / s.d3;
  let i2 = row % s.d2;
  let outer = row / s.d2;
  let i1 = outer % s.d1;
  let i0 = outer / s.d1;
  let at_a = i0 * s.a0 + i1 * s.a1 + i2 * s.a2 + i3 * A_STEP;
  let at_b = i0 * s.b0 + i1 * s.b1 + i2 * s.b2 + i3 * B_STEP;
  c[i] = apply(a[at_a], b[at_b]);
}
