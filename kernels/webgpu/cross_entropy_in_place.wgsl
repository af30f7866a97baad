// Row i of logits [rows, V]: loss = ln Σ exp(logits) − logits[target], then logits ←
// softmax(logits) − onehot(target); both are 0 if the target is ignored or out of range. targets,
// loss: [rows]. A workgroup computes 256/LANES rows with LANES threads each. Sums in f32.

fn each_workgroup(group: u32, thread: u32) {
  let row = group * (256u / LANES) + thread / LANES;
  let lane = thread % LANES;
  let inside = row < s.rows;
  let base = min(row, s.rows - 1u) * s.width;
  let target_id = targets[min(row, s.rows - 1u)];
  let counts = target_id != s.ignore && u32(target_id) < s.width;
  let total = log_sum_exp(base, s.width, thread);
  if (lane == 0u && inside) {
    if (counts) { loss[row] = total - logits[base + u32(target_id)]; } else { loss[row] = 0.0; }
  }
  storageBarrier(); // the target's logit is read before it is overwritten
  if (!inside) { return; }
  for (var i = lane; i < s.width; i += LANES) {
    let wanted = select(0.0, 1.0, i == u32(target_id));
    logits[base + i] = select(0.0, exp(logits[base + i] - total) - wanted, counts);
  }
}
