// AdamW over one flat buffer of parameters, with the clip of the global norm applied on the way;
// see kernels/cpu/adamw.ts. gradient, parameter, m, v: [count]; sum_of_squares: [1]; hyper: [3] =
// rate/(1 − β₁ᵗ), √(1 − β₂ᵗ), 1 − rate·weightDecay. A thread updates one element.
struct Scalars {
  count: u32, decayed: u32, beta1: f32, beta2: f32, rest1: f32, rest2: f32, epsilon: f32, clip: f32,
}
@group(0) @binding(0) var<storage, read> gradient: array<f32>;
@group(0) @binding(1) var<storage, read> hyper: array<f32>;
@group(0) @binding(2) var<storage, read> sum_of_squares: array<f32>;
@group(0) @binding(3) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(4) var<storage, read_write> m: array<f32>;
@group(0) @binding(5) var<storage, read_write> v: array<f32>;
@group(0) @binding(6) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= s.count) { return; }
  let norm = sqrt(sum_of_squares[0]);
  var g = gradient[i];
  if (s.clip > 0.0 && norm > s.clip) { g *= s.clip / norm; }
  let new_m = s.beta1 * m[i] + s.rest1 * g;
  let new_v = s.beta2 * v[i] + s.rest2 * g * g;
  m[i] = new_m;
  v[i] = new_v;
  let decay = select(1.0, hyper[2], i < s.decayed);
  parameter[i] = parameter[i] * decay - hyper[0] * new_m / (sqrt(new_v) / hyper[1] + s.epsilon);
}
