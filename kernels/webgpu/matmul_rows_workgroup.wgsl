// The sum over the threads of a column for matmul_rows.wgsl, by workgroup memory: the thread of
// slice 0 receives it.

// A sum for each of four rows, by thread.
var<workgroup> sums: array<vec4f, 256>;

fn sum_of_slices(own: vec4f, lane: u32, slice: u32) -> vec4f {
  var sum = own;
  if (SLICES > 1u) {
    sums[lane] = sum;
    let next = select(256u / SLICES, 1u, TRANSPOSE_B == 1u);
    for (var half = SLICES / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (slice < half) {
        sum += sums[lane + half * next];
        sums[lane] = sum;
      }
    }
  }
  return sum;
}
