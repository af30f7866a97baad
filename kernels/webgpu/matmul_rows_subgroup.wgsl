// The sum over the threads of a column for matmul_rows.wgsl, by subgroup shuffles: all of them
// receive it. The threads must be neighbors (TRANSPOSE_B), and at most a subgroup of them.
fn sum_of_slices(own: vec4f, lane: u32, slice: u32) -> vec4f {
  var sum = own;
  for (var half = SLICES / 2u; half > 0u; half /= 2u) { sum += subgroupShuffleXor(sum, half); }
  return sum;
}
