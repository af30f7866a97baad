// The same product as matmul.wgsl for adapters made of software, where a load takes as long as 60 additions and workgroup memory is no nearer than
// the rest. A workgroup of 8 threads, one vector of llvmpipe's, computes 16 by 64 of one C[b], a thread 16 by 8 of it: every eighth column.
// Sums are in f32, in the order of k. After matmul_tile.wgsl.

// [2i + j] has rows 4i … 4i + 3 and the columns of number 4j … 4j + 3. Storing from an array in a loop keeps the epilogue's code single.
var<private> sums: array<mat4x4<f32>, 8>;

fn add_outer(sum: mat4x4<f32>, x: vec4<f32>, y: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(
    fma(vec4(x.x), y, sum[0]), fma(vec4(x.y), y, sum[1]), fma(vec4(x.z), y, sum[2]), fma(vec4(x.w), y, sum[3]),
  );
}

fn four_of_a(i: vec4<u32>) -> vec4<f32> { return vec4(a[i.x], a[i.y], a[i.z], a[i.w]); }
fn four_of_b(i: vec4<u32>) -> vec4<f32> { return vec4(b[i.x], b[i.y], b[i.z], b[i.w]); }

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = 16u * group.y;
  let column = 64u * group.x + lane;
  // Beyond the edges the last row and column are read again; the results are not stored.
  let scale_a = select(s.k, 1u, TRANSPOSE_A == 1u);
  let scale_b = select(1u, s.k, TRANSPOSE_B == 1u);
  let start_a = group.z * s.strideA;
  let start_b = group.z * s.strideB;
  let first = vec4(0u, 1u, 2u, 3u);
  var a0 = start_a + min(row + 0u + first, vec4(s.m - 1u)) * scale_a;
  var a1 = start_a + min(row + 4u + first, vec4(s.m - 1u)) * scale_a;
  var a2 = start_a + min(row + 8u + first, vec4(s.m - 1u)) * scale_a;
  var a3 = start_a + min(row + 12u + first, vec4(s.m - 1u)) * scale_a;
  var b0 = start_b + min(column + 0u + 8u * first, vec4(s.n - 1u)) * scale_b;
  var b1 = start_b + min(column + 32u + 8u * first, vec4(s.n - 1u)) * scale_b;
  let step_a = select(1u, s.m, TRANSPOSE_A == 1u);
  let step_b = select(s.n, 1u, TRANSPOSE_B == 1u);
  var s00 = mat4x4<f32>();
  var s01 = mat4x4<f32>();
  var s10 = mat4x4<f32>();
  var s11 = mat4x4<f32>();
  var s20 = mat4x4<f32>();
  var s21 = mat4x4<f32>();
  var s30 = mat4x4<f32>();
  var s31 = mat4x4<f32>();
  for (var k = 0u; k < s.k; k++) {
    let x0 = four_of_a(a0);
    let x1 = four_of_a(a1);
    let x2 = four_of_a(a2);
    let x3 = four_of_a(a3);
    let y0 = four_of_b(b0);
    let y1 = four_of_b(b1);
    s00 = add_outer(s00, x0, y0);
    s01 = add_outer(s01, x0, y1);
    s10 = add_outer(s10, x1, y0);
    s11 = add_outer(s11, x1, y1);
    s20 = add_outer(s20, x2, y0);
    s21 = add_outer(s21, x2, y1);
    s30 = add_outer(s30, x3, y0);
    s31 = add_outer(s31, x3, y1);
    a0 += step_a;
    a1 += step_a;
    a2 += step_a;
    a3 += step_a;
    b0 += step_b;
    b1 += step_b;
  }
  sums[0] = s00;
  sums[1] = s01;
  sums[2] = s10;
  sums[3] = s11;
  sums[4] = s20;
  sums[5] = s21;
  sums[6] = s30;
  sums[7] = s31;
  for (var i = 0u; i < 128u; i++) {
    let r = row + i / 8u;
    let c = column + 8u * (i % 8u);
    let sum = sums[i / 32u * 2u + i % 8u / 4u][i / 8u % 4u][i % 4u];
    if (r < s.m && c < s.n) { finish(sum, c, (group.z * s.m + r) * s.n + c); }
  }
}
