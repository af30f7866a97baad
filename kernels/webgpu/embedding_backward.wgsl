// table[r] (+)= Σ over i with ids[i] = r of dy[i], in the order of i. table: [rows, width]; ids: [count]; dy: [count, width].
// A workgroup owns one row of the table: it walks the ids 64 at a time through workgroup memory, and a thread sums its columns.
override ZERO: u32;

struct Scalars { rows: u32, width: u32, count: u32 }
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> ids: array<i32>;
@group(0) @binding(2) var<storage, read_write> table: array<f32>;
@group(0) @binding(3) var<uniform> s: Scalars;

var<workgroup> seen: array<i32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  for (var first = 0u; first < s.width; first += 64u) {
    let column = first + lane;
    var sum = 0.0;
    for (var start = 0u; start < s.count; start += 64u) {
      workgroupBarrier();
      if (start + lane < s.count) { seen[lane] = clamp(ids[start + lane], 0, i32(s.rows) - 1); }
      workgroupBarrier();
      let end = min(64u, s.count - start);
      for (var i = 0u; i < end; i++) {
        if (u32(seen[i]) == row && column < s.width) { sum += dy[(start + i) * s.width + column]; }
      }
    }
    if (column < s.width && row < s.rows) {
      let at = row * s.width + column;
      if (ZERO == 1u) { table[at] = sum; } else { table[at] += sum; }
    }
  }
}
