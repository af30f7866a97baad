// y = condition ≠ 0 ? a : b, elementwise with broadcasting. All are 32-bit words; y: [d0,d1,d2,d3]
// of count elements, the condition c, a and b by a stride for each axis, 0 if stretched. Of the
// condition's words the bits in MASK count: all but the sign for f32, so that −0 is 0. A thread
// selects one element.
override MASK: u32;
override BROADCAST: u32;
override C_STEP: u32;
override A_STEP: u32;
override B_STEP: u32;

fn each_thread(i: u32) {
  if (i >= s.count) { return; }
  if (BROADCAST == 0u) {
    y[i] = select(b[i], a[i], (c[i] & MASK) != 0u);
    return;
  }
  let i3 = i % s.d3;
  let row = i / s.d3;
  let i2 = row % s.d2;
  let outer = row / s.d2;
  let i1 = outer % s.d1;
  let i0 = outer / s.d1;
  let at_c = i0 * s.c0 + i1 * s.c1 + i2 * s.c2 + i3 * C_STEP;
  let at_a = i0 * s.a0 + i1 * s.a1 + i2 * s.a2 + i3 * A_STEP;
  let at_b = i0 * s.b0 + i1 * s.b1 + i2 * s.b2 + i3 * B_STEP;
  y[i] = select(b[at_b], a[at_a], (c[at_c] & MASK) != 0u);
}
