// AdamW over one flat buffer of parameters, with the clip of the global norm applied on the way;
// see kernels/cpu/adamw.ts. gradient, parameter, m, v: [count]; sumOfSquares: [1]; hyper: [3] =
// rate/(1 − β₁ᵗ), √(1 − β₂ᵗ), 1 − rate·weightDecay. A thread updates one element.

fn each_thread(i: u32) {
  if (i >= s.count) { return; }
  let norm = sqrt(sumOfSquares[0]);
  var g = gradient[i];
  if (s.clip > 0.0 && norm > s.clip) { g *= s.clip / norm; }
  let new_m = s.beta1 * m[i] + s.rest1 * g;
  let new_v = s.beta2 * v[i] + s.rest2 * g * g;
  m[i] = new_m;
  v[i] = new_v;
  let decay = select(1.0, hyper[2], i < s.decayed);
  parameter[i] = parameter[i] * decay - hyper[0] * new_m / (sqrt(new_v) / hyper[1] + s.epsilon);
}
