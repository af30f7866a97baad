// C = epilogue(A·op(B)) for a few rows of A. A: [ROWS,k]; B: [k,n], or [n,k] with TRANSPOSE_B; C: [ROWS,n].
// A thread computes one column of C. Sums are in f32, in the order of k.
override TRANSPOSE_B: u32;
override ROWS: u32;

struct Scalars { n: u32, k: u32, columns: u32 }
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read> pre: array<f32>;
@group(0) @binding(5) var<storage, read_write> c: array<f32>;
@group(0) @binding(6) var<storage, read_write> saved: array<f32>;
@group(0) @binding(7) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let column = (group.y * groups.x + group.x) * 256u + lane;
  if (column >= s.n) { return; }
  let first = select(column, column * s.k, TRANSPOSE_B == 1u);
  let step = select(s.n, 1u, TRANSPOSE_B == 1u);
  for (var row = 0u; row < ROWS; row++) {
    var sum = 0.0;
    for (var j = 0u; j < s.k; j++) { sum += a[row * s.k + j] * b[first + j * step]; }
    finish(sum, column, row * s.n + column);
  }
}
