// table[t] = Σ over the batch of dy[b, t], 0 in places beyond the sequence. table: [places, width];
// dy: [count, width], count = B·time. A thread computes one element.
struct Scalars { places: u32, time: u32, count: u32, width: u32 }
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read_write> table: array<f32>;
@group(0) @binding(2) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= s.places * s.width) { return; }
  let place = i / s.width;
  let column = i % s.width;
  var sum = 0.0;
  if (place < s.time) {
    for (var row = place; row < s.count; row += s.time) { sum += dy[row * s.width + column]; }
  }
  table[i] = sum;
}
