// C[b] = epilogue(op(A[b])·op(B[b])). A: [m,k], or [k,m] with TRANSPOSE_A; B: [k,n], or [n,k] with TRANSPOSE_B; C: [batch,m,n].
// A workgroup computes 64 by 64 of one C[b], a thread 4 by 4 of it, over slices of 16 of k in workgroup memory (8 KB).
// Sums are in f32, in the order of k.
override TRANSPOSE_A: u32;
override TRANSPOSE_B: u32;

struct Scalars { m: u32, n: u32, k: u32, batch: u32, strideA: u32, strideB: u32, rows: u32, columns: u32, depth: u32 }
@group(0) @binding(7) var<uniform> s: Scalars;

// [16 of k][16 groups of 4 rows], and of 4 columns.
var<workgroup> slice_a: array<vec4<f32>, 256>;
var<workgroup> slice_b: array<vec4<f32>, 256>;

// Four neighbours along the long side at one k. Beyond the edge of k they are 0; beyond the other edge the last one is repeated.
fn load_a(start: u32, row: u32, at: u32) -> vec4<f32> {
  let k = min(at, s.k - 1u);
  let r = min(vec4(row, row + 1u, row + 2u, row + 3u), vec4(s.m - 1u));
  var i = start + r * s.k + k;
  if (TRANSPOSE_A == 1u) { i = start + k * s.m + r; }
  return select(vec4(0.0), vec4(a[i.x], a[i.y], a[i.z], a[i.w]), at < s.k);
}

fn load_b(start: u32, column: u32, at: u32) -> vec4<f32> {
  let k = min(at, s.k - 1u);
  let j = min(vec4(column, column + 1u, column + 2u, column + 3u), vec4(s.n - 1u));
  var i = start + k * s.n + j;
  if (TRANSPOSE_B == 1u) { i = start + j * s.k + k; }
  return select(vec4(0.0), vec4(b[i.x], b[i.y], b[i.z], b[i.w]), at < s.k);
}

// Adds a column of A times a row of B. sum[i] is row i of the thread's 4 by 4.
fn step(sum: mat4x4<f32>, k: u32, row: u32, column: u32) -> mat4x4<f32> {
  let x = slice_a[16u * k + row];
  let y = slice_b[16u * k + column];
  return mat4x4<f32>(
    fma(vec4(x.x), y, sum[0]), fma(vec4(x.y), y, sum[1]), fma(vec4(x.z), y, sum[2]), fma(vec4(x.w), y, sum[3]),
  );
}

fn finish_row(values: vec4<f32>, batch: u32, row: u32, column: u32) {
  if (row >= s.m) { return; }
  let at = (batch * s.m + row) * s.n + column;
  if (column < s.n) { finish(values.x, column, at); }
  if (column + 1u < s.n) { finish(values.y, column + 1u, at + 1u); }
  if (column + 2u < s.n) { finish(values.z, column + 2u, at + 2u); }
  if (column + 3u < s.n) { finish(values.w, column + 3u, at + 3u); }
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let batch = group.z;
  let start_a = batch * s.strideA;
  let start_b = batch * s.strideB;
  let row = 64u * group.y;
  let column = 64u * group.x;
  let low = lane % 16u;
  let high = lane / 16u;
  // Neighbouring threads load neighbouring numbers: along k where k is the inner axis, along rows or columns where those are.
  let k_a = select(low, high, TRANSPOSE_A == 1u);
  let row_a = select(high, low, TRANSPOSE_A == 1u);
  let k_b = select(high, low, TRANSPOSE_B == 1u);
  let column_b = select(low, high, TRANSPOSE_B == 1u);
  var sum = mat4x4<f32>();
  for (var k = 0u; k < s.k; k += 16u) {
    slice_a[16u * k_a + row_a] = load_a(start_a, row + 4u * row_a, k + k_a);
    slice_b[16u * k_b + column_b] = load_b(start_b, column + 4u * column_b, k + k_b);
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
  finish_row(sum[0], batch, row + 4u * high, column + 4u * low);
  finish_row(sum[1], batch, row + 4u * high + 1u, column + 4u * low);
  finish_row(sum[2], batch, row + 4u * high + 2u, column + 4u * low);
  finish_row(sum[3], batch, row + 4u * high + 3u, column + 4u * low);
}
