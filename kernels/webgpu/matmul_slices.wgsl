// Reads of op(A) and op(B), and multiply-adds, for the GEMM kernels with slices of k in workgroup
// memory. matmul_full.wgsl or matmul_half.wgsl defines `Tile`, the precision of a slice.

// Four neighbors along the long side at one k. Beyond the edge of k they are 0; beyond the other
// edge the last one is repeated.
fn load_a(start: u32, row: u32, at: u32) -> Tile {
  let k = min(at, s.k - 1u);
  let r = min(vec4(row, row + 1u, row + 2u, row + 3u), vec4(s.m - 1u));
  var i = start + r * s.k + k;
  if (TRANSPOSE_A == 1u) { i = start + k * s.m + r; }
  return narrow_a(select(vec4(0.0), vec4(a[i.x], a[i.y], a[i.z], a[i.w]), at < s.k));
}

fn load_b(start: u32, column: u32, at: u32) -> Tile {
  let k = min(at, s.k - 1u);
  let j = min(vec4(column, column + 1u, column + 2u, column + 3u), vec4(s.n - 1u));
  var i = start + k * s.n + j;
  if (TRANSPOSE_B == 1u) { i = start + j * s.k + k; }
  return narrow_b(select(vec4(0.0), vec4(b[i.x], b[i.y], b[i.z], b[i.w]), at < s.k));
}

// Adds a column of A times a row of B. sum[i] is row i of 4 by 4.
fn add_outer(sum: mat4x4f, column: Tile, row: Tile) -> mat4x4f {
  let x = vec4f(column);
  let y = vec4f(row);
  return mat4x4f(
    fma(vec4(x.x), y, sum[0]), fma(vec4(x.y), y, sum[1]),
    fma(vec4(x.z), y, sum[2]), fma(vec4(x.w), y, sum[3]),
  );
}
