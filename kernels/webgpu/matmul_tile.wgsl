// Shared by the GEMM kernels on tiles: the constants of a product, and the store of four neighbors
// and of a square of 4 by 4.
override TRANSPOSE_A: u32;
override TRANSPOSE_B: u32;

fn finish_row(values: vec4f, batch: u32, row: u32, column: u32) {
  if (row >= s.m) { return; }
  let at = (batch * s.m + row) * s.n + column;
  if (column < s.n) { finish(values.x, column, at); }
  if (column + 1u < s.n) { finish(values.y, column + 1u, at + 1u); }
  if (column + 2u < s.n) { finish(values.z, column + 2u, at + 2u); }
  if (column + 3u < s.n) { finish(values.w, column + 3u, at + 3u); }
}

// sum[i] is row i of 4 by 4 sums.
fn finish_square(sum: mat4x4f, batch: u32, row: u32, column: u32) {
  finish_row(sum[0], batch, row, column);
  finish_row(sum[1], batch, row + 1u, column);
  finish_row(sum[2], batch, row + 2u, column);
  finish_row(sum[3], batch, row + 3u, column);
}
