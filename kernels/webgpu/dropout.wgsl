// y[i] = x[i]·scale where the uniform number of index i is at least `rate`, else 0. x, y: [count];
// state: [seed, step]. Needs philox.wgsl. A thread computes the four elements of one counter.
struct Scalars { count: u32, stream: u32, rate: f32, scale: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> state: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let block = (group.y * groups.x + group.x) * 256u + lane;
  if (block * 4u >= s.count) { return; }
  let u = to_uniform(philox(block, state[1], state[0], s.stream));
  let factors = select(vec4<f32>(0.0), vec4<f32>(s.scale), u >= vec4<f32>(s.rate));
  for (var j = 0u; j < 4u; j++) {
    let i = block * 4u + j;
    if (i < s.count) { y[i] = x[i] * factors[j]; }
  }
}
