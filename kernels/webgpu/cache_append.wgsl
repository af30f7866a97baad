// keys[b, h, position + t] and values[b, h, position + t] ← head h's columns of packed[b, t] from
// offset on; rows beyond S are left out. packed: [B, time, stride]; keys, values: [B, heads,
// length, headSize]; position: [1], or one for each sequence with PER_ROW. A thread copies one
// element of each.
override PER_ROW: u32;

struct Scalars { rows: u32, time: u32, stride: u32, offset: u32, heads: u32, length: u32, headSize: u32 }
@group(0) @binding(0) var<storage, read> packed: array<f32>;
@group(0) @binding(1) var<storage, read> position: array<i32>;
@group(0) @binding(2) var<storage, read_write> keys: array<f32>;
@group(0) @binding(3) var<storage, read_write> values: array<f32>;
@group(0) @binding(4) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  let width = s.heads * s.headSize;
  if (i >= s.rows * width) { return; }
  let row = i / width;
  let column = i % width;
  let place = u32(position[select(0u, row / s.time, PER_ROW == 1u)]) + row % s.time;
  if (place >= s.length) { return; }
  let origin = row * s.stride + s.offset + column;
  let head = row / s.time * s.heads + column / s.headSize;
  let to = (head * s.length + place) * s.headSize + column % s.headSize;
  keys[to] = packed[origin];
  values[to] = packed[origin + width];
}
