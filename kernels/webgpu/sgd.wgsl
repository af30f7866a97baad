// Gradient descent with momentum over one flat buffer, with the clip of the global norm; see
// kernels/cpu/sgd.ts. A thread updates one element.
struct Scalars { count: u32, momentum: f32, clip: f32 }
@group(0) @binding(0) var<storage, read> gradient: array<f32>;
@group(0) @binding(1) var<storage, read> hyper: array<f32>;
@group(0) @binding(2) var<storage, read> sum_of_squares: array<f32>;
@group(0) @binding(3) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(4) var<storage, read_write> velocity: array<f32>;
@group(0) @binding(5) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= s.count) { return; }
  let norm = sqrt(sum_of_squares[0]);
  var g = gradient[i];
  if (s.clip > 0.0 && norm > s.clip) { g *= s.clip / norm; }
  let moved = s.momentum * velocity[i] + g;
  velocity[i] = moved;
  parameter[i] -= hyper[0] * moved;
}
