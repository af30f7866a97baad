// The loss scale of the next step: half of this one's if the gradients' norm is not finite, twice as
// much after `interval` steps without that. norm: [1]; state: [3] = loss scale, steps since it
// changed, steps whose norm was not finite. The first thread does it.

fn each_thread(i: u32) {
  if (i > 0u) { return; }
  // By its bits: a shader compiler may assume that floats are finite.
  let overflows = (bitcast<u32>(norm[0]) & 0x7f800000u) == 0x7f800000u;
  let steps = state[1] + 1.0;
  if (overflows) {
    state[0] = max(0.5 * state[0], 1.0);
    state[1] = 0.0;
    state[2] += 1.0;
  } else if (steps >= s.interval) {
    state[0] = min(2.0 * state[0], s.most);
    state[1] = 0.0;
  } else {
    state[1] = steps;
  }
}
