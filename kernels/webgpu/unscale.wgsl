// gradient ← gradient/state[0]. gradient: [count]; state: [2] = loss scale, steps since it changed. A
// thread computes one element; the scale is a power of 2, so that nothing is rounded.

fn each_thread(i: u32) {
  if (i < s.count) { gradient[i] = gradient[i] / state[0]; }
}
