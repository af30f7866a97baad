// dx = y·(dy − Σ dy·y) over rows, the derivative of softmax; with LOG, dx = dy − e^y·Σ dy, that of
// its logarithm. dy, y, dx: [rows,width]. A workgroup computes 256/LANES rows with LANES threads
// each. Sums in f32.
override LOG: u32;
override LANES: u32;

var<workgroup> total: array<f32, 256>;

fn each_workgroup(group: u32, thread: u32) {
  let slots = 256u / LANES;
  let first = thread / LANES * LANES;
  let lane = thread - first;
  let row = group * slots + thread / LANES;
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
