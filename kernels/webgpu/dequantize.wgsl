// y = w, a matrix in 16, 8 or 4 bits, as f32: [rows, width]. A thread computes one element.
fn each_thread(i: u32) {
  if (i >= s.rows * s.width) { return; }
  y[i] = weight(i / s.width, i % s.width, s.width);
}
