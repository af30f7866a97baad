// y[o,p,i] = scale · Σⱼ x[o,j,i], Σⱼ x², or maxⱼ, with j over the p-th segment of the axis. x:
// [outer,length,inner], y: [outer,parts,inner]. A workgroup computes 256/LANES outputs with LANES
// threads each: neighboring threads share an output if inner = 1 (COLUMNS 0) and have neighboring
// outputs otherwise, so that their reads are coalesced. Each thread keeps four partial sums in f32,
// which a tree combines.
override MAX: u32; // the maximum instead of the sum
override SQUARES: u32; // the sum of squares
override COLUMNS: u32;
override LANES: u32;

var<workgroup> running: array<f32, 256>;

fn merge(a: f32, b: f32) -> f32 {
  if (MAX == 1u) { return max(a, b); }
  return a + b;
}

fn step(a: f32, at: u32) -> f32 {
  let v = x[at];
  if (SQUARES == 1u) { return a + v * v; }
  return merge(a, v);
}

fn each_workgroup(group: u32, thread: u32) {
  let slots = 256u / LANES;
  let slot = select(thread / LANES, thread % slots, COLUMNS == 1u);
  let lane = select(thread % LANES, thread / slots, COLUMNS == 1u);
  let output = group * slots + slot;
  if (output < s.outputs) {
    let row = output / s.inner;
    let start = (row % s.parts) * s.segment;
    let end = min(s.length, start + s.segment);
    let base = (row / s.parts) * s.length * s.inner + output % s.inner;
    // A maximum may count the first element repeatedly.
    var a = 0.0;
    if (MAX == 1u) { a = x[base + start * s.inner]; }
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
