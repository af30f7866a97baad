// The sum over the slices of a column for matmul_rows.wgsl, in subgroups: every thread of the
// column gets it. The slices must be neighbors (TRANSPOSE_B) and no more of them than a subgroup
// has threads.
fn sum_of_slices(own: vec4<f32>, lane: u32, slice: u32) -> vec4<f32> {
  var sum = own;
  for (var half = SLICES / 2u; half > 0u; half /= 2u) { sum += subgroupShuffleXor(sum, half); }
  return sum;
}
