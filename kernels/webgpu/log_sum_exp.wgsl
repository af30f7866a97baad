// ln Σ exp over the row of `logits` that begins at `base` and is `width` long, by a workgroup of 256 threads, all of which get it; put in front
// of the kernels of cross-entropy, which declare `logits`. Sums are float32, 256 partial ones and a tree.
var<workgroup> partial: array<f32, 256>;

fn log_sum_exp(base: u32, width: u32, lane: u32) -> f32 {
  var largest = -3.4e38;
  for (var i = lane; i < width; i += 256u) { largest = max(largest, logits[base + i]); }
  partial[lane] = largest;
  workgroupBarrier();
  for (var step = 128u; step > 0u; step /= 2u) {
    if (lane < step) { partial[lane] = max(partial[lane], partial[lane + step]); }
    workgroupBarrier();
  }
  largest = partial[0];
  workgroupBarrier();
  var sum = 0.0;
  for (var i = lane; i < width; i += 256u) { sum += exp(logits[base + i] - largest); }
  partial[lane] = sum;
  workgroupBarrier();
  for (var step = 128u; step > 0u; step /= 2u) {
    if (lane < step) { partial[lane] += partial[lane + step]; }
    workgroupBarrier();
  }
  return largest + log(partial[0]);
}

