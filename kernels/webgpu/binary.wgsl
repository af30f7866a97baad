// c = apply(a, b), elementwise with broadcasting. c: [d0,d1,d2,d3] of count elements; a and b by a
// stride for each axis, 0 if stretched. A thread computes one element. `apply` is a function of the
// build, which may call those of math.wgsl.
override BROADCAST: u32;
override A_STEP: u32;
override B_STEP: u32;

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
