// y = (x − mean)·rstd·gain + bias over rows, rstd = 1/√(variance + ε): layer norm. With CENTERED 0
// the mean is 0: RMS norm. With GAIN 0 the gain is 1, with BIAS 0 no bias is added. x, y: [rows,width], gain, bias: [width],
// stats: [2,rows], each rstd and then each mean, or [1,rows] with CENTERED 0. A workgroup computes
// 256/LANES rows with LANES threads each. The variance is the mean of (x − mean)², summed in f32 in
// a separate pass.
override CENTERED: u32;
override GAIN: u32;
override BIAS: u32;
override LANES: u32;

var<workgroup> total: array<f32, 256>;

// The sum over the threads of a row; every thread of the workgroup takes part.
fn sum_row(value: f32, thread: u32) -> f32 {
  total[thread] = value;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (thread % LANES < half) { total[thread] += total[thread + half]; }
    workgroupBarrier();
  }
  let sum = total[thread / LANES * LANES];
  workgroupBarrier();
  return sum;
}

fn each_workgroup(group: u32, thread: u32) {
  let lane = thread % LANES;
  let row = group * (256u / LANES) + thread / LANES;
  let width = s.width / OPERAND_SIZE;
  let start = row * width;
  let end = select(0u, width, row < s.rows);
  var center = 0.0;
  if (CENTERED == 1u) {
    var sum = 0.0;
    for (var j = lane; j < end; j += LANES) { sum += sum_of(x[start + j]); }
    center = sum_row(sum, thread) / f32(s.width);
  }
  var squares = 0.0;
  for (var j = lane; j < end; j += LANES) {
    let v = x[start + j] - center;
    squares += sum_of(v * v);
  }
  let variance = sum_row(squares, thread) / f32(s.width);
  let scale = 1.0 / sqrt(variance + s.epsilon);
  for (var j = lane; j < end; j += LANES) {
    var v = (x[start + j] - center) * scale;
    if (GAIN == 1u) { v *= gain[j]; }
    if (BIAS == 1u) { y[start + j] = v + bias[j]; } else { y[start + j] = v; }
  }
  if (lane == 0u && row < s.rows) {
    stats[row] = scale;
    if (CENTERED == 1u) { stats[s.rows + row] = center; }
  }
}
