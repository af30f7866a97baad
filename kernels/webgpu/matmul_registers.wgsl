// The same product as matmul.wgsl without workgroup memory, for GPUs whose caches serve as well: each thread reads op(A) and op(B) four numbers
// at a time, so `Operand` is vec4<f32> and k, the inner axis of A and that of B must be multiples of 4.
// A workgroup of 64 threads computes 64 by 64 of one C[b], a thread 8 by 8 of it: 8 rows, and 4 columns twice, 32 apart.
// Sums are in f32, in the order of k. After matmul_tile.wgsl.

// [i] is row i of four of op(A), at k … k + 3. Beyond the edge the last rows are read again; their results are not stored.
fn rows_of_a(start: u32, row: u32, k: u32) -> mat4x4<f32> {
  if (TRANSPOSE_A == 1u) {
    let i = (start + k * s.m + min(row, s.m - 4u)) / 4u;
    let step = s.m / 4u;
    return transpose(mat4x4<f32>(a[i], a[i + step], a[i + 2u * step], a[i + 3u * step]));
  }
  let i = (start + min(vec4(row, row + 1u, row + 2u, row + 3u), vec4(s.m - 1u)) * s.k + k) / 4u;
  return mat4x4<f32>(a[i.x], a[i.y], a[i.z], a[i.w]);
}

// [i] is four columns of op(B) at k + i.
fn columns_of_b(start: u32, column: u32, k: u32) -> mat4x4<f32> {
  if (TRANSPOSE_B == 1u) {
    let i = (start + min(vec4(column, column + 1u, column + 2u, column + 3u), vec4(s.n - 1u)) * s.k + k) / 4u;
    return transpose(mat4x4<f32>(b[i.x], b[i.y], b[i.z], b[i.w]));
  }
  let i = (start + k * s.n + min(column, s.n - 4u)) / 4u;
  let step = s.n / 4u;
  return mat4x4<f32>(b[i], b[i + step], b[i + 2u * step], b[i + 3u * step]);
}

fn add_row(sum: vec4<f32>, x: vec4<f32>, y: mat4x4<f32>) -> vec4<f32> {
  return fma(vec4(x.w), y[3], fma(vec4(x.z), y[2], fma(vec4(x.y), y[1], fma(vec4(x.x), y[0], sum))));
}

fn add(sum: mat4x4<f32>, x: mat4x4<f32>, y: mat4x4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(add_row(sum[0], x[0], y), add_row(sum[1], x[1], y), add_row(sum[2], x[2], y), add_row(sum[3], x[3], y));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let batch = group.z;
  let start_a = batch * s.strideA;
  let start_b = batch * s.strideB;
  let row = 64u * group.y + 8u * (lane / 8u);
  let column = 64u * group.x + 4u * (lane % 8u);
  if (row >= s.m || column >= s.n) { return; }
  var upper_near = mat4x4<f32>();
  var upper_far = mat4x4<f32>();
  var lower_near = mat4x4<f32>();
  var lower_far = mat4x4<f32>();
  for (var k = 0u; k < s.k; k += 4u) {
    let upper = rows_of_a(start_a, row, k);
    let lower = rows_of_a(start_a, row + 4u, k);
    let near = columns_of_b(start_b, column, k);
    let far = columns_of_b(start_b, column + 32u, k);
    upper_near = add(upper_near, upper, near);
    upper_far = add(upper_far, upper, far);
    lower_near = add(lower_near, lower, near);
    lower_far = add(lower_far, lower, far);
  }
  finish_square(upper_near, batch, row, column);
  finish_square(upper_far, batch, row, column + 32u);
  finish_square(lower_near, batch, row + 4u, column);
  finish_square(lower_far, batch, row + 4u, column + 32u);
}
