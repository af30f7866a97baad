// The sum over four neighboring threads for matmul_rows_vec4.wgsl, by subgroup shuffles: each of
// them receives it. Every subgroup has at least four threads, whatever the adapter reports.
fn sum_of_four(own: vec4f, lane: u32) -> vec4f {
  let sum = own + subgroupShuffleXor(own, 1u);
  return sum + subgroupShuffleXor(sum, 2u);
}
