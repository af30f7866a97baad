// y = apply(x), elementwise. x, y: [count]. A thread computes one element. `apply` is a function of
// the build, which may call those of math.wgsl.
fn each_thread(i: u32) {
  if (i < s.count) { y[i] = apply(x[i]); }
}
