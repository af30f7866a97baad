// Skinny GEMM (GEMV for one row) with vectorized (vec4) loads: C = epilogue(A·op(B)) for up to four
// rows of A. a: [ROWS,k]; b: [k,n], or [n,k] with TRANSPOSE_B, k and B's inner axis multiples of 4;
// c: [ROWS,n]. A workgroup computes 32 columns, in 8 places of four. The 32 threads of a place each
// have every 32nd four of k, for which four loads of B are in flight. Sums in f32, first over a
// thread's part of k, then over four neighboring threads, by matmul_rows_workgroup.wgsl or
// matmul_rows_subgroup.wgsl, then over the eight fours of a place.
override ROWS: u32;

var<workgroup> fours: array<vec4f, 64>;

// The sum of column `lane` of the workgroup over the threads of its place, for lane < 32. A place's
// fours of threads are neighbors with TRANSPOSE_B, otherwise eight apart.
fn sum_of_place(own: vec4f, lane: u32) -> f32 {
  let four = sum_of_four(own, lane);
  if (lane % 4u == 0u) { fours[lane / 4u] = four; }
  workgroupBarrier();
  let place = lane / 4u % 8u;
  let first = select(place, 8u * place, TRANSPOSE_B == 1u);
  let step = select(8u, 1u, TRANSPOSE_B == 1u);
  var sum = 0.0;
  for (var i = 0u; i < 8u; i++) { sum += fours[first + i * step][lane % 4u]; }
  workgroupBarrier();
  return sum;
}

fn finish_column(sum: f32, group: u32, lane: u32, row: u32) {
  let column = 32u * group + lane;
  if (lane < 32u && column < s.n) { finish(sum, column, row * s.n + column); }
}

fn each_workgroup(group: u32, lane: u32) {
  // Neighboring threads read neighboring fours of B (coalesced): along k if k is its inner axis,
  // otherwise eight places of the same k.
  let slice = select(lane % 4u + lane / 32u * 4u, lane % 32u, TRANSPOSE_B == 1u);
  let place = select(lane / 4u % 8u, lane / 32u, TRANSPOSE_B == 1u);
  let column = 32u * group + 4u * place;
  let width = s.k / 4u;
  var sum = mat4x4f();
  if (column < s.n) {
    for (var k = slice; k < width; k += 32u) {
      let y = columns_of_b(0u, column, 4u * k);
      sum[0] = add_row(sum[0], a[k], y);
      if (ROWS > 1u) { sum[1] = add_row(sum[1], a[width + k], y); }
      if (ROWS > 2u) { sum[2] = add_row(sum[2], a[2u * width + k], y); }
      if (ROWS > 3u) { sum[3] = add_row(sum[3], a[3u * width + k], y); }
    }
  }
  finish_column(sum_of_place(sum[0], lane), group, lane, 0u);
  if (ROWS > 1u) { finish_column(sum_of_place(sum[1], lane), group, lane, 1u); }
  if (ROWS > 2u) { finish_column(sum_of_place(sum[2], lane), group, lane, 2u); }
  if (ROWS > 3u) { finish_column(sum_of_place(sum[3], lane), group, lane, 3u); }
}
