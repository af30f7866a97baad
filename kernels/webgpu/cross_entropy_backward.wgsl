// logits ← (softmax(logits) − onehot(target))·gradient·scale, 0 in ignored rows. logits: [rows, V];
// targets, logSum: [rows]; gradient, scale: [1]. A thread computes one element in f32.

fn each_thread(i: u32) {
  if (i >= s.rows * s.width) { return; }
  let row = i / s.width;
  let column = i % s.width;
  let target_id = targets[row];
  if (target_id == s.ignore || u32(target_id) >= s.width) {
    logits[i] = 0.0;
    return;
  }
  let probability = exp(logits[i] - logSum[row]);
  let wanted = select(0.0, 1.0, column == u32(target_id));
  logits[i] = (probability - wanted) * gradient[0] * scale[0];
}
