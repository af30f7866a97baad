// SGD with momentum over one flat buffer: velocity ← momentum·velocity + g, parameter ← parameter −
// hyper[0]·velocity, with g the gradient, scaled down if its norm exceeds `clip`. gradient,
// parameter, velocity: [count]; hyper: [1], the learning rate; sumOfSquares: [1], that of all
// gradients. A thread updates one element in f32.

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
  let moved = s.momentum * velocity[i] + g;
  velocity[i] = moved;
  parameter[i] -= hyper[0] * moved;
}
