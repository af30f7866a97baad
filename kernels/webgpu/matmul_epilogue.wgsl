// The epilogue of a product. v = product + bias; saved = save(v); c = backward(activate(v),
// pre) + residual, each part if its constant is 1. `activate`, `save` and `backward` are functions
// of the build, which may call those of math.wgsl.
override BIAS: u32;
override RESIDUAL: u32;
override SAVE: u32;
override ACTIVATE: u32;
override BACKWARD: u32;

// Stores the product that belongs at `at` of c, in the given column.
fn finish(product: f32, column: u32, at: u32) {
  var v = product;
  if (BIAS == 1u) { v += bias[column]; }
  if (SAVE == 1u) { saved[at] = save(v); }
  if (ACTIVATE == 1u) { v = activate(v); }
  if (BACKWARD == 1u) { v = backward(v, pre[at]); }
  if (RESIDUAL == 1u) { v += residual[at]; }
  c[at] = v;
}
