// mean = Σ loss / max(1, n) and scale = 1 / max(1, n), n the number of targets that count. loss,
// targets: [rows]; mean, scale: [1]. One workgroup; 256 partial sums in f32, then a tree.

var<workgroup> sums: array<f32, 256>;
var<workgroup> counts: array<u32, 256>;

fn each_workgroup(group: u32, lane: u32) {
  var sum = 0.0;
  var count = 0u;
  for (var i = lane; i < s.rows; i += 256u) {
    sum += loss[i];
    let t = targets[i];
    count += select(0u, 1u, t != s.ignore && u32(t) < s.width);
  }
  sums[lane] = sum;
  counts[lane] = count;
  workgroupBarrier();
  for (var step = 128u; step > 0u; step /= 2u) {
    if (lane < step) {
      sums[lane] += sums[lane + step];
      counts[lane] += counts[lane + step];
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
    let factor = 1.0 / f32(max(counts[0], 1u));
    mean[0] = sums[0] * factor;
    scale[0] = factor;
  }
}
