// The buffers of a product, and what becomes of it before it is stored; put in front of each of the
// matmul kernels, after activation_choice.wgsl and operand_one.wgsl, or operand_four.wgsl where a
// kernel reads four numbers at a time. v = product + bias; saved = v; c = activation(v) *
// activation_backward'(pre) + residual, each part where its constant asks for it.

override BIAS: u32;
override RESIDUAL: u32;
override SAVE: u32;
override ACTIVATION_BACKWARD: u32;

fn slope(v: f32) -> f32 {
  switch ACTIVATION_BACKWARD {
    case 1u: { return gelu_derivative(v); }
    case 2u: { return gelu_erf_derivative(v); }
    case 3u: { return select(0.0, 1.0, v > 0.0); }
    case 4u: { return silu_derivative(v); }
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
