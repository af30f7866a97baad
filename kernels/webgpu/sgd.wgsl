// Gradient descent with momentum over one flat buffer, with the clip of the global norm; see
// kernels/cpu/sgd.ts. A thread updates one element.

fn each_thread(i: u32) {
  if (i >= s.count) { return; }
  let norm = sqrt(sumOfSquares[0]);
  var g = gradient[i];
  if (s.clip > 0.0 && norm > s.clip) { g *= s.clip / norm; }
  let moved = s.momentum * velocity[i] + g;
  velocity[i] = moved;
  parameter[i] -= hyper[0] * moved;
}
