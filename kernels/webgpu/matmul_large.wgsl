// The same GEMM as matmul.wgsl for large results: a workgroup computes 128 by 128 of one C[b], a
// thread 8 by 8 of it, over slices of 8 of k in workgroup memory (8 KB). A thread's rows are 4
// neighbors and the 4 that are 64 below them; its columns are arranged in the same way. Sums in
// f32, in the order of k.

// [8 of k][32 groups of 4 rows], and of 4 columns; a row of 33 avoids bank conflicts.
var<workgroup> slice_a: array<array<Tile, 33>, 8>;
var<workgroup> slice_b: array<array<Tile, 33>, 8>;

// A thread's squares of 4 by 4: the upper and lower rows, in the near and far columns.
struct Sums { upper_near: mat4x4f, upper_far: mat4x4f, lower_near: mat4x4f, lower_far: mat4x4f }

fn step(sums: Sums, k: u32, row: u32, column: u32) -> Sums {
  let upper = slice_a[k][row];
  let lower = slice_a[k][row + 16u];
  let near = slice_b[k][column];
  let far = slice_b[k][column + 16u];
  return Sums(
    add_outer(sums.upper_near, upper, near), add_outer(sums.upper_far, upper, far),
    add_outer(sums.lower_near, lower, near), add_outer(sums.lower_far, lower, far),
  );
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let batch = group.z;
  let start_a = batch * s.strideA;
  let start_b = batch * s.strideB;
  let row = 128u * group.y;
  let column = 128u * group.x;
  // Neighboring threads load neighboring numbers (coalesced): along k if k is the inner axis,
  // otherwise along rows or columns.
  let k_a = select(lane % 8u, lane / 32u, TRANSPOSE_A == 1u);
  let row_a = select(lane / 8u, lane % 32u, TRANSPOSE_A == 1u);
  let k_b = select(lane / 32u, lane % 8u, TRANSPOSE_B == 1u);
  let column_b = select(lane % 32u, lane / 8u, TRANSPOSE_B == 1u);
  let low = lane % 16u;
  let high = lane / 16u;
  var sums = Sums();
  for (var k = 0u; k < s.k; k += 8u) {
    slice_a[k_a][row_a] = load_a(start_a, row + 4u * row_a, k + k_a);
    slice_b[k_b][column_b] = load_b(start_b, column + 4u * column_b, k + k_b);
    workgroupBarrier();
    sums = step(sums, 0u, high, low);
    sums = step(sums, 1u, high, low);
    sums = step(sums, 2u, high, low);
    sums = step(sums, 3u, high, low);
    sums = step(sums, 4u, high, low);
    sums = step(sums, 5u, high, low);
    sums = step(sums, 6u, high, low);
    sums = step(sums, 7u, high, low);
    workgroupBarrier();
  }
  let r = row + 4u * high;
  let c = column + 4u * low;
  finish_square(widen(sums.upper_near), batch, r, c);
  finish_square(widen(sums.upper_far), batch, r, c + 64u);
  finish_square(widen(sums.lower_near), batch, r + 64u, c);
  finish_square(widen(sums.lower_far), batch, r + 64u, c + 64u);
}
