// GEMM: C[b] = epilogue(op(A[b])·op(B[b])). a: [batch,m,k], or [batch,k,m] with TRANSPOSE_A; b:
// [batch,k,n], or [batch,n,k] with TRANSPOSE_B; c: [batch,m,n]. A workgroup computes 64 by 64 of
// one C[b], a thread 4 by 4 of it, over slices of 16 of k in workgroup memory (8 KB; CUDA calls it
// shared memory). Sums in f32, in the order of k.

// [16 of k][16 groups of 4 rows], and of 4 columns. A row of 17 avoids bank conflicts between
// neighboring rows; a constant index costs no check of bounds.
var<workgroup> slice_a: array<array<Tile, 17>, 16>;
var<workgroup> slice_b: array<array<Tile, 17>, 16>;

fn step(sum: mat4x4f, k: u32, row: u32, column: u32) -> mat4x4f {
  return add_outer(sum, slice_a[k][row], slice_b[k][column]);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let batch = group.z;
  let start_a = batch * s.strideA;
  let start_b = batch * s.strideB;
  let row = 64u * group.y;
  let column = 64u * group.x;
  let low = lane % 16u;
  let high = lane / 16u;
  // Neighboring threads load neighboring numbers (coalesced): along k if k is the inner axis,
  // otherwise along rows or columns.
  let k_a = select(low, high, TRANSPOSE_A == 1u);
  let row_a = select(high, low, TRANSPOSE_A == 1u);
  let k_b = select(high, low, TRANSPOSE_B == 1u);
  let column_b = select(low, high, TRANSPOSE_B == 1u);
  var sum = mat4x4f();
  for (var k = 0u; k < s.k; k += 16u) {
    slice_a[k_a][row_a] = load_a(start_a, row + 4u * row_a, k + k_a);
    slice_b[k_b][column_b] = load_b(start_b, column + 4u * column_b, k + k_b);
    workgroupBarrier();
    sum = step(sum, 0u, high, low);
    sum = step(sum, 1u, high, low);
    sum = step(sum, 2u, high, low);
    sum = step(sum, 3u, high, low);
    sum = step(sum, 4u, high, low);
    sum = step(sum, 5u, high, low);
    sum = step(sum, 6u, high, low);
    sum = step(sum, 7u, high, low);
    sum = step(sum, 8u, high, low);
    sum = step(sum, 9u, high, low);
    sum = step(sum, 10u, high, low);
    sum = step(sum, 11u, high, low);
    sum = step(sum, 12u, high, low);
    sum = step(sum, 13u, high, low);
    sum = step(sum, 14u, high, low);
    sum = step(sum, 15u, high, low);
    workgroupBarrier();
  }
  finish_square(widen(sum), batch, row + 4u * high, column + 4u * low);
}
