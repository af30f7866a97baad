// dx = y·(dy − Σ dy·y) over rows, the derivative of softmax; with LOG, dx = dy − e^y·Σ dy, that of
// its logarithm. dy, y, dx: [rows,width]. A workgroup computes 256/LANES rows with LANES threads
// each; sums in f32.
override LOG: u32;
override LANES: u32;

struct Scalars { rows: u32, width: u32, group: u32 }
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> s: Scalars;

var<workgroup> total: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let slots = 256u / LANES;
  let first = thread / LANES * LANES;
  let lane = thread - first;
  let row = (group.y * groups.x + group.x) * slots + thread / LANES;
  let start = row * s.width;
  var sum = 0.0;
  if (row < s.rows) {
    for (var j = lane; j < s.width; j += LANES) {
      let weight = select(y[start + j], 1.0, LOG == 1u);
      sum += dy[start + j] * weight;
    }
  }
  total[thread] = sum;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { total[thread] += total[thread + half]; }
    workgroupBarrier();
  }
  if (row >= s.rows) { return; }
  sum = total[first];
  for (var j = lane; j < s.width; j += LANES) {
    let at = start + j;
    if (LOG == 1u) { dx[at] = dy[at] - exp(y[at]) * sum; } else { dx[at] = y[at] * (dy[at] - sum); }
  }
}
