// y[o,j,i] = scale · x[o,i], with INDEXED only where j = index[o,i] and 0 elsewhere. x, index:
// [outer,inner], y: [outer,length,inner]. A thread computes one element. COLUMNS 0 stands for inner
// = 1; both forms are computed alike here.
override INDEXED: u32;
override COLUMNS: u32;

struct Scalars { count: u32, length: u32, inner: u32, scale: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let at = (group.y * groups.x + group.x) * 256u + lane;
  if (at >= s.count) { return; }
  let row = at / s.inner;
  let source = (row / s.length) * s.inner + at % s.inner;
  var value = x[source] * s.scale;
  if (INDEXED == 1u && index[source] != i32(row % s.length)) { value = 0.0; }
  y[at] = value;
}
