// dx[r, indices[r,j]] += dy[r,j], in the order of j. dx: [rows, width]; indices: [rows, picks],
// clamped into the row; dy: [rows, picks]. A thread has one index; the first of those that are
// equal in a row adds for all of them, so no two threads meet.
struct Scalars { rows: u32, width: u32, picks: u32, group: u32 }
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> s: Scalars;

fn index_at(i: u32) -> u32 {
  return u32(clamp(indices[i], 0, i32(s.width) - 1));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= s.rows * s.picks) { return; }
  let row = i / s.picks;
  let index = index_at(i);
  for (var other = row * s.picks; other < i; other++) {
    if (index_at(other) == index) { return; }
  }
  let place = row * s.width + index;
  var sum = dx[place] + dy[i];
  for (var other = i + 1u; other < (row + 1u) * s.picks; other++) {
    if (index_at(other) == index) { sum += dy[other]; }
  }
  dx[place] = sum;
}
