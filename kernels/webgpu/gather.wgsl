// y[r,j] = x[r, indices[r,j]]. x: [rows, width], 32-bit words; indices: [rows, picks], clamped into
// the row; y: [rows, picks]. A thread computes one element.
struct Scalars { rows: u32, width: u32, picks: u32 }
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(0) @binding(3) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= s.rows * s.picks) { return; }
  let index = u32(clamp(indices[i], 0, i32(s.width) - 1));
  y[i] = x[i / s.picks * s.width + index];
}
