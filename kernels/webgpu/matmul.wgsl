// C[b] = epilogue(op(A[b])·op(B[b])). A: [m,k], or [k,m] with TRANSPOSE_A; B: [k,n], or [n,k] with TRANSPOSE_B; C: [batch,m,n].
// A thread computes one element of C. Sums are in f32, in the order of k.
override TRANSPOSE_A: u32;
override TRANSPOSE_B: u32;

struct Scalars { m: u32, n: u32, k: u32, batch: u32, strideA: u32, strideB: u32, rows: u32, columns: u32, depth: u32 }
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
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= s.batch * s.m * s.n) { return; }
  let column = i % s.n;
  let row = (i / s.n) % s.m;
  let batch = i / (s.n * s.m);
  let a0 = batch * s.strideA + row * select(s.k, 1u, TRANSPOSE_A == 1u);
  let b0 = batch * s.strideB + column * select(1u, s.k, TRANSPOSE_B == 1u);
  let step_a = select(1u, s.m, TRANSPOSE_A == 1u);
  let step_b = select(s.n, 1u, TRANSPOSE_B == 1u);
  var sum = 0.0;
  for (var j = 0u; j < s.k; j++) { sum += a[a0 + j * step_a] * b[b0 + j * step_b]; }
  finish(sum, column, i);
}
