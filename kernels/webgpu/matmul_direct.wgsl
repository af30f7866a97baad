// The same GEMM as matmul.wgsl for software adapters, where loads dominate and workgroup memory is
// no faster than global memory. A workgroup of 8 threads, one vector of llvmpipe's, computes 8 by
// 128 of one C[b], a thread all 8 rows and 4 times 4 columns, 32 apart. Sums in f32, in the order
// of k.

// [4i + j] has rows 4i … 4i + 3 and columns 32j … 32j + 3. Storing from an array in a loop compiles
// the epilogue's code once.
var<private> sums: array<mat4x4f, 8>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let batch = group.z;
  let start_a = batch * s.strideA;
  let start_b = batch * s.strideB;
  let row = 8u * group.y;
  let column = 128u * group.x + 4u * lane;
  var s00 = mat4x4f();
  var s01 = mat4x4f();
  var s02 = mat4x4f();
  var s03 = mat4x4f();
  var s10 = mat4x4f();
  var s11 = mat4x4f();
  var s12 = mat4x4f();
  var s13 = mat4x4f();
  for (var k = 0u; k < s.k; k += 4u) {
    let upper = rows_of_a(start_a, row, k);
    let lower = rows_of_a(start_a, row + 4u, k);
    var y = columns_of_b(start_b, column, k);
    s00 = add(s00, upper, y);
    s10 = add(s10, lower, y);
    y = columns_of_b(start_b, column + 32u, k);
    s01 = add(s01, upper, y);
    s11 = add(s11, lower, y);
    y = columns_of_b(start_b, column + 64u, k);
    s02 = add(s02, upper, y);
    s12 = add(s12, lower, y);
    y = columns_of_b(start_b, column + 96u, k);
    s03 = add(s03, upper, y);
    s13 = add(s13, lower, y);
  }
  sums[0] = s00;
  sums[1] = s01;
  sums[2] = s02;
  sums[3] = s03;
  sums[4] = s10;
  sums[5] = s11;
  sums[6] = s12;
  sums[7] = s13;
  for (var i = 0u; i < 32u; i++) {
    let at = column + i / 4u % 4u * 32u;
    finish_row(sums[i / 4u][i % 4u], batch, row + i / 16u * 4u + i % 4u, at);
  }
}
