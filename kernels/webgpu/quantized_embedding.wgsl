// y[i] = w[ids[i]] with the table w in 16, 8 or 4 bits. ids: [count], clamped into the table; y:
// [count, width]. A thread computes one element.
fn each_thread(i: u32) {
  if (i >= s.count * s.width) { return; }
  let id = u32(clamp(ids[i / s.width], 0, i32(s.rows) - 1));
  y[i] = weight(id, i % s.width, s.width);
}
