// ln Σ exp over the `width` elements of `logits` from `base` on, by LANES neighboring threads of a
// workgroup of 256, all of which receive it. For kernels with a buffer `logits`. LANES partial sums
// in f32, then a tree.
override LANES: u32;

var<workgroup> partial: array<f32, 256>;

fn log_sum_exp(base: u32, width: u32, thread: u32) -> f32 {
  let lane = thread % LANES;
  let first = thread - lane;
  var largest = -3.4e38;
  for (var i = lane; i < width; i += LANES) { largest = max(largest, logits[base + i]); }
  partial[thread] = largest;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { partial[thread] = max(partial[thread], partial[thread + half]); }
    workgroupBarrier();
  }
  largest = partial[first];
  workgroupBarrier();
  var sum = 0.0;
  for (var i = lane; i < width; i += LANES) { sum += exp(logits[base + i] - largest); }
  partial[thread] = sum;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) { partial[thread] += partial[thread + half]; }
    workgroupBarrier();
  }
  return largest + log(partial[first]);
}
