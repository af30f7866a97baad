// A running mean of gradients and the update that looks ahead of it (Nesterov): m ← m + (1 − μ)·(g −
// m), gradient ← g + μ·(m − g), with g the gradient, scaled down if its norm exceeds `clip`.
//
// gradient, m: [count]; sumOfSquares: [1], that of all gradients; hyper: [1], μ. A thread
// updates one element in f32.

fn each_thread(i: u32) {
  if (i >= s.count) { return; }
  let norm = sqrt(sumOfSquares[0]);
  var g = gradient[i];
  if (s.clip > 0.0 && norm > s.clip) { g *= s.clip / norm; }
  let mean = m[i] + (1.0 - hyper[0]) * (g - m[i]);
  m[i] = mean;
  gradient[i] = g + hyper[0] * (mean - g);
}
