// Row i of logits [rows, V]: logSum = ln Σ exp(logits), loss = logSum − logits[target], or 0 if the
// target is ignored or out of range. targets, loss, logSum: [rows]. A workgroup computes 256/LANES
// rows with LANES threads each. Sums in f32.

fn each_workgroup(group: u32, thread: u32) {
  let row = group * (256u / LANES) + thread / LANES;
  let base = min(row, s.rows - 1u) * s.width;
  let total = log_sum_exp(base, s.width, thread);
  if (thread % LANES == 0u && row < s.rows) {
    let target_id = targets[row];
    logSum[row] = total;
    if (target_id == s.ignore || u32(target_id) >= s.width) { loss[row] = 0.0; }
    else { loss[row] = total - logits[base + u32(target_id)]; }
  }
}
