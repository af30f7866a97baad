// y = softmax(x) over rows: e^(x−m) / Σ e^(x−m), m the row's maximum; with LOG, x − m − ln Σ
// e^(x−m). x, y: [rows,width]. Elements of −∞ count as absent; a row of nothing else gives 0, or −∞
// with LOG. A workgroup computes 256/LANES rows with LANES threads each; m and the f32 sum are
// found in one pass that rescales the sum when the maximum rises (online softmax).
override LOG: u32;
override LANES: u32;

const LOWEST = -3.4028234e38;
var<workgroup> largest: array<f32, 256>;
var<workgroup> total: array<f32, 256>;

fn each_workgroup(group: u32, thread: u32) {
  let slots = 256u / LANES;
  let first = thread / LANES * LANES;
  let lane = thread - first;
  let row = group * slots + thread / LANES;
  let start = row * s.width;
  var m = LOWEST;
  var sum = 0.0;
  if (row < s.rows) {
    for (var j = lane; j < s.width; j += LANES) {
      let v = x[start + j];
      if (v > m) {
        sum = sum * exp(m - v) + 1.0;
        m = v;
      } else {
        sum += exp(v - m);
      }
    }
  }
  largest[thread] = m;
  total[thread] = sum;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      let other = thread + half;
      let both = max(largest[thread], largest[other]);
      let own = total[thread] * exp(largest[thread] - both);
      total[thread] = own + total[other] * exp(largest[other] - both);
      largest[thread] = both;
    }
    workgroupBarrier();
  }
  if (row >= s.rows) { return; }
  m = largest[first];
  sum = total[first];
  if (LOG == 1u) {
    let rest = select(log(sum), 0.0, sum == 0.0);
    for (var j = lane; j < s.width; j += LANES) { y[start + j] = (x[start + j] - m) - rest; }
  } else {
    let scale = select(1.0 / sum, 0.0, sum == 0.0);
    for (var j = lane; j < s.width; j += LANES) { y[start + j] = exp(x[start + j] - m) * scale; }
  }
}
