// y[i] = table[ids[i]] + positions[offset + i mod time]; OFFSET: 0 no offset, 1 one for all, 2 one
// for each sequence of `time` rows. table: [rows, width]; ids: [count], clamped into the table; y:
// [count, width]. A thread computes one element.
override POSITIONS: u32;
override OFFSET: u32;

struct Scalars { rows: u32, width: u32, count: u32, time: u32 }
@group(0) @binding(0) var<storage, read> table: array<f32>;
@group(0) @binding(1) var<storage, read> ids: array<i32>;
@group(0) @binding(2) var<storage, read> positions: array<f32>;
@group(0) @binding(3) var<storage, read> offset: array<i32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= s.count * s.width) { return; }
  let row = i / s.width;
  let column = i % s.width;
  let id = u32(clamp(ids[row], 0, i32(s.rows) - 1));
  var value = table[id * s.width + column];
  if (POSITIONS == 1u) {
    var place = row % s.time;
    if (OFFSET > 0u) { place += u32(offset[select(0u, row / s.time, OFFSET == 2u)]); }
    value += positions[place * s.width + column];
  }
  y[i] = value;
}
