// AdamW over one flat buffer: m ← β₁·m + rest1·g, v ← β₂·v + rest2·g², p ← p·decay − hyper[0]·m /
// (√v / hyper[1] + ε), with restᵢ = 1 − βᵢ and g the gradient, scaled down if its norm exceeds
// `clip`. The first `decayed` parameters have decay hyper[2], the others 1.
//
// gradient, parameter (p), m, v: [count]; sumOfSquares: [1], that of all gradients; hyper: [3] =
// rate/(1 − β₁ᵗ), √(1 − β₂ᵗ), 1 − rate·weightDecay. A thread updates one element in f32.

// Whether nothing changes if the norm is not finite.
override SKIP: u32;

fn each_thread(i: u32) {
  if (i >= s.count) { return; }
  // By its bits: a shader compiler may assume that floats are finite.
  let overflows = (bitcast<u32>(sumOfSquares[0]) & 0x7f800000u) == 0x7f800000u;
  if (SKIP == 1u && overflows) { return; }
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
