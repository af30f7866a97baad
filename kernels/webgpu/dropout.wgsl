// y[i] = x[i]·scale if the uniform random number of index i is at least `rate`, otherwise 0. x, y:
// [count]; state: [seed, step]. A thread computes the four elements of one Philox counter.

fn each_thread(block: u32) {
  if (block * 4u >= s.count) { return; }
  let u = to_uniform(block_words(block, state[1], state[0], s.stream));
  let factors = select(vec4f(0.0), vec4f(s.scale), u >= vec4f(s.rate));
  for (var j = 0u; j < 4u; j++) {
    let i = block * 4u + j;
    if (i < s.count) { y[i] = x[i] * factors[j]; }
  }
}
