// The same product as matmul.wgsl without workgroup memory, which adapters made of software only copy around in.
// A workgroup of 64 threads computes 64 by 64 of one C[b], a thread 8 by 8 of it: 8 rows, and every eighth column.
// Sums are in f32, in the order of k. After matmul_tile.wgsl.

fn finish_four(values: vec4<f32>, row: u32, at: u32, columns: vec4<u32>) {
  if (row >= s.m) { return; }
  if (columns.x < s.n) { finish(values.x, columns.x, at + columns.x); }
  if (columns.y < s.n) { finish(values.y, columns.y, at + columns.y); }
  if (columns.z < s.n) { finish(values.z, columns.z, at + columns.z); }
  if (columns.w < s.n) { finish(values.w, columns.w, at + columns.w); }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = 64u * group.y + 8u * (lane / 8u);
  let near = 64u * group.x + lane % 8u + vec4(0u, 8u, 16u, 24u);
  let far = near + 32u;
  if (row >= s.m || near.x >= s.n) { return; }
  // Beyond the edges the last row and column are read again; the results are not stored.
  let last = vec4(s.m - 1u);
  let scale_a = select(s.k, 1u, TRANSPOSE_A == 1u);
  let scale_b = select(1u, s.k, TRANSPOSE_B == 1u);
  var i_top = group.z * s.strideA + min(row + vec4(0u, 1u, 2u, 3u), last) * scale_a;
  var i_low = group.z * s.strideA + min(row + vec4(4u, 5u, 6u, 7u), last) * scale_a;
  var i_near = group.z * s.strideB + min(near, vec4(s.n - 1u)) * scale_b;
  var i_far = group.z * s.strideB + min(far, vec4(s.n - 1u)) * scale_b;
  let step_a = select(1u, s.m, TRANSPOSE_A == 1u);
  let step_b = select(s.n, 1u, TRANSPOSE_B == 1u);
  var near_0 = vec4(0.0);
  var far_0 = vec4(0.0);
  var near_1 = vec4(0.0);
  var far_1 = vec4(0.0);
  var near_2 = vec4(0.0);
  var far_2 = vec4(0.0);
  var near_3 = vec4(0.0);
  var far_3 = vec4(0.0);
  var near_4 = vec4(0.0);
  var far_4 = vec4(0.0);
  var near_5 = vec4(0.0);
  var far_5 = vec4(0.0);
  var near_6 = vec4(0.0);
  var far_6 = vec4(0.0);
  var near_7 = vec4(0.0);
  var far_7 = vec4(0.0);
  for (var k = 0u; k < s.k; k++) {
    let y = vec4(b[i_near.x], b[i_near.y], b[i_near.z], b[i_near.w]);
    let z = vec4(b[i_far.x], b[i_far.y], b[i_far.z], b[i_far.w]);
    let top = vec4(a[i_top.x], a[i_top.y], a[i_top.z], a[i_top.w]);
    let low = vec4(a[i_low.x], a[i_low.y], a[i_low.z], a[i_low.w]);
    near_0 = fma(vec4(top.x), y, near_0);
    far_0 = fma(vec4(top.x), z, far_0);
    near_1 = fma(vec4(top.y), y, near_1);
    far_1 = fma(vec4(top.y), z, far_1);
    near_2 = fma(vec4(top.z), y, near_2);
    far_2 = fma(vec4(top.z), z, far_2);
    near_3 = fma(vec4(top.w), y, near_3);
    far_3 = fma(vec4(top.w), z, far_3);
    near_4 = fma(vec4(low.x), y, near_4);
    far_4 = fma(vec4(low.x), z, far_4);
    near_5 = fma(vec4(low.y), y, near_5);
    far_5 = fma(vec4(low.y), z, far_5);
    near_6 = fma(vec4(low.z), y, near_6);
    far_6 = fma(vec4(low.z), z, far_6);
    near_7 = fma(vec4(low.w), y, near_7);
    far_7 = fma(vec4(low.w), z, far_7);
    i_top += step_a;
    i_low += step_a;
    i_near += step_b;
    i_far += step_b;
  }
  let at = (group.z * s.m + row) * s.n;
  finish_four(near_0, row + 0u, at + 0u * s.n, near);
  finish_four(far_0, row + 0u, at + 0u * s.n, far);
  finish_four(near_1, row + 1u, at + 1u * s.n, near);
  finish_four(far_1, row + 1u, at + 1u * s.n, far);
  finish_four(near_2, row + 2u, at + 2u * s.n, near);
  finish_four(far_2, row + 2u, at + 2u * s.n, far);
  finish_four(near_3, row + 3u, at + 3u * s.n, near);
  finish_four(far_3, row + 3u, at + 3u * s.n, far);
  finish_four(near_4, row + 4u, at + 4u * s.n, near);
  finish_four(far_4, row + 4u, at + 4u * s.n, far);
  finish_four(near_5, row + 5u, at + 5u * s.n, near);
  finish_four(far_5, row + 5u, at + 5u * s.n, far);
  finish_four(near_6, row + 6u, at + 6u * s.n, near);
  finish_four(far_6, row + 6u, at + 6u * s.n, far);
  finish_four(near_7, row + 7u, at + 7u * s.n, near);
  finish_four(far_7, row + 7u, at + 7u * s.n, far);
}
