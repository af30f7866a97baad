// The same GEMM as matmul.wgsl with register tiling only, without workgroup memory, for GPUs whose
// caches are as fast. A workgroup of 64 threads computes 64 by 64 of one C[b], a thread 8 by 8 of
// it in registers: 8 rows, and twice 4 columns, 32 apart. Sums in f32, in the order of k.
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let batch = group.z;
  let start_a = batch * s.strideA;
  let start_b = batch * s.strideB;
  let row = 64u * group.y + 8u * (lane / 8u);
  let column = 64u * group.x + 4u * (lane % 8u);
  if (row >= s.m || column >= s.n) { return; }
  var upper_near = mat4x4f();
  var upper_far = mat4x4f();
  var lower_near = mat4x4f();
  var lower_far = mat4x4f();
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
