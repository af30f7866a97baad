// The same product as matmul.wgsl without workgroup memory, which adapters made of software only copy around in.
// A thread computes 4 rows by 4 columns of one C[b], the columns 16 apart; a workgroup 16 by 64.
// Sums are in f32, in the order of k.
override TRANSPOSE_A: u32;
override TRANSPOSE_B: u32;

struct Scalars { m: u32, n: u32, k: u32, batch: u32, strideA: u32, strideB: u32, rows: u32, columns: u32, depth: u32 }
@group(0) @binding(7) var<uniform> s: Scalars;

fn finish_row(values: vec4<f32>, batch: u32, row: u32, columns: vec4<u32>) {
  if (row >= s.m) { return; }
  let at = (batch * s.m + row) * s.n;
  if (columns.x < s.n) { finish(values.x, columns.x, at + columns.x); }
  if (columns.y < s.n) { finish(values.y, columns.y, at + columns.y); }
  if (columns.z < s.n) { finish(values.z, columns.z, at + columns.z); }
  if (columns.w < s.n) { finish(values.w, columns.w, at + columns.w); }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = 16u * group.y + 4u * (lane / 16u);
  let columns = 64u * group.x + lane % 16u + vec4(0u, 16u, 32u, 48u);
  if (row >= s.m || columns.x >= s.n) { return; }
  // Beyond the edges the last row and column are read again; the results are not stored.
  let r = min(vec4(row, row + 1u, row + 2u, row + 3u), vec4(s.m - 1u));
  let j = min(columns, vec4(s.n - 1u));
  var i_a = group.z * s.strideA + r * select(s.k, 1u, TRANSPOSE_A == 1u);
  var i_b = group.z * s.strideB + j * select(1u, s.k, TRANSPOSE_B == 1u);
  let step_a = select(1u, s.m, TRANSPOSE_A == 1u);
  let step_b = select(s.n, 1u, TRANSPOSE_B == 1u);
  var sum_0 = vec4(0.0);
  var sum_1 = vec4(0.0);
  var sum_2 = vec4(0.0);
  var sum_3 = vec4(0.0);
  for (var k = 0u; k < s.k; k++) {
    let y = vec4(b[i_b.x], b[i_b.y], b[i_b.z], b[i_b.w]);
    sum_0 = fma(vec4(a[i_a.x]), y, sum_0);
    sum_1 = fma(vec4(a[i_a.y]), y, sum_1);
    sum_2 = fma(vec4(a[i_a.z]), y, sum_2);
    sum_3 = fma(vec4(a[i_a.w]), y, sum_3);
    i_a += step_a;
    i_b += step_b;
  }
  finish_row(sum_0, group.z, row, columns);
  finish_row(sum_1, group.z, row + 1u, columns);
  finish_row(sum_2, group.z, row + 2u, columns);
  finish_row(sum_3, group.z, row + 3u, columns);
}
