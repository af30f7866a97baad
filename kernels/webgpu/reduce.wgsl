// y[o,p,i] = scale · Σⱼ x[o,j,i], or maxⱼ, with j over the p-th segment of the axis. x:
// [outer,length,inner], y: [outer,parts,inner]. A workgroup computes 256/LANES outputs with LANES
// threads each: neighboring threads share an output where inner = 1 (COLUMNS 0) and have
// neighboring outputs otherwise, so that they read neighboring elements. Four running f32 values a
// thread, then a tree.
override OP: u32; // 0 sum, 1 sum of squares, 2 max
override COLUMNS: u32;
override LANES: u32;

struct Scalars {
  outputs: u32, length: u32, inner: u32, parts: u32, segment: u32,
  items: u32, group: u32, blocks: u32, block: u32,
  scale: f32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> s: Scalars;

var<workgroup> running: array<f32, 256>;

fn merge(a: f32, b: f32) -> f32 {
  if (OP == 2u) { return max(a, b); }
  return a + b;
}

fn step(a: f32, at: u32) -> f32 {
  let v = x[at];
  if (OP == 1u) { return a + v * v; }
  return merge(a, v);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let slots = 256u / LANES;
  let slot = select(thread / LANES, thread % slots, COLUMNS == 1u);
  let lane = select(thread % LANES, thread / slots, COLUMNS == 1u);
  let output = (group.y * groups.x + group.x) * slots + slot;
  if (output < s.outputs) {
    let row = output / s.inner;
    let start = (row % s.parts) * s.segment;
    let end = min(s.length, start + s.segment);
    let base = (row / s.parts) * s.length * s.inner + output % s.inner;
    // A maximum may take the first element as often as it likes.
    var a = 0.0;
    if (OP == 2u) { a = x[base + start * s.inner]; }
    var b = a;
    var c = a;
    var d = a;
    var j = start + lane;
    let hop = LANES * s.inner;
    while (j + 3u * LANES < end) {
      let at = base + j * s.inner;
      a = step(a, at);
      b = step(b, at + hop);
      c = step(c, at + 2u * hop);
      d = step(d, at + 3u * hop);
      j += 4u * LANES;
    }
    while (j < end) {
      a = step(a, base + j * s.inner);
      j += LANES;
    }
    running[thread] = merge(merge(a, b), merge(c, d));
  }
  workgroupBarrier();
  let hop = select(1u, slots, COLUMNS == 1u);
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { running[thread] = merge(running[thread], running[thread + half * hop]); }
    workgroupBarrier();
  }
  if (lane == 0u && output < s.outputs) { y[output] = running[thread] * s.scale; }
}
