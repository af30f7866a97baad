// y[r,j] = x[r, indices[r,j]]. x: [rows, width], 32-bit words; indices: [rows, picks], clamped into
// the row; y: [rows, picks]. A thread computes one element.

fn each_thread(i: u32) {
  if (i >= s.rows * s.picks) { return; }
  let index = u32(clamp(indices[i], 0, i32(s.width) - 1));
  y[i] = x[i / s.picks * s.width + index];
}
