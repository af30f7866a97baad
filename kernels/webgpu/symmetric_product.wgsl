// Batched products whose result is symmetric: C[b] = α·op(A[b])·op(B[b]) + β·D[b] + γ·I, with op(A):
// [m,k], op(B): [k,m] and C, D: [m,m]. A is [k,m] with TRANSPOSE_A, B [m,k] with TRANSPOSE_B; a
// batch's operands are `strideA` and `strideB` elements apart. With ADD 0 there is no D.
//
// A workgroup computes a tile of 32 × 32 on or under the diagonal, 2 × 2 numbers a thread, and
// stores it and its transpose. Slices of 16 of k go through workgroup memory, whose rows of 33 keep
// a column's numbers in different banks. Sums in f32, in the order of k.
override TRANSPOSE_A: u32;
override TRANSPOSE_B: u32;
override ADD: u32;

var<workgroup> slice_a: array<f32, 528>;
var<workgroup> slice_b: array<f32, 528>;

fn load_a(start: u32, row: u32, k: u32) -> f32 {
  if (row >= s.m || k >= s.k) { return 0.0; }
  return a[start + select(row * s.k + k, k * s.m + row, TRANSPOSE_A == 1u)];
}

fn load_b(start: u32, k: u32, column: u32) -> f32 {
  if (column >= s.m || k >= s.k) { return 0.0; }
  return b[start + select(k * s.m + column, column * s.k + k, TRANSPOSE_B == 1u)];
}

fn finish(start: u32, row: u32, column: u32, sum: f32) {
  if (row >= s.m || column > row) { return; }
  let at = start + row * s.m + column;
  var value = s.alpha * sum;
  if (ADD == 1u) { value += s.beta * d[at]; }
  if (row == column) { value += s.gamma; }
  c[at] = value;
  c[start + column * s.m + row] = value;
}

fn each_workgroup(index: u32, thread: u32) {
  let side = (s.m + 31u) / 32u;
  let tiles = side * (side + 1u) / 2u;
  let batch = index / tiles;
  var across = index % tiles;
  var down = 0u;
  while (across > down) {
    down += 1u;
    across -= down;
  }
  let inside = batch < s.batch;
  let row = select(s.m, 32u * down, inside);
  let column = select(s.m, 32u * across, inside);
  let low = thread % 16u;
  let high = thread / 16u;
  var sums = vec4f();
  for (var k = 0u; k < s.k; k += 16u) {
    // Neighboring threads load neighboring numbers: along k if it is the inner axis.
    let k_a = select(low, high, TRANSPOSE_A == 1u);
    let row_a = select(high, low, TRANSPOSE_A == 1u);
    let k_b = select(high, low, TRANSPOSE_B == 1u);
    let column_b = select(low, high, TRANSPOSE_B == 1u);
    for (var half = 0u; half < 32u; half += 16u) {
      slice_a[33u * k_a + row_a + half] = load_a(batch * s.strideA, row + row_a + half, k + k_a);
      slice_b[33u * k_b + column_b + half] =
        load_b(batch * s.strideB, k + k_b, column + column_b + half);
    }
    workgroupBarrier();
    for (var i = 0u; i < 16u; i++) {
      let left = vec2(slice_a[33u * i + high], slice_a[33u * i + high + 16u]);
      let right = vec2(slice_b[33u * i + low], slice_b[33u * i + low + 16u]);
      sums = fma(left.xxyy, right.xyxy, sums);
    }
    workgroupBarrier();
  }
  let start = batch * s.m * s.m;
  finish(start, row + high, column + low, sums.x);
  finish(start, row + high, column + low + 16u, sums.y);
  finish(start, row + high + 16u, column + low, sums.z);
  finish(start, row + high + 16u, column + low + 16u, sums.w);
}
