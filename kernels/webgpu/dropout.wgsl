// y[i] = x[i]·scale where the uniform number of index i is at least `rate`, else 0. x, y: [count];
// state: [seed, step]. Needs philox.wgsl. A thread computes the four elements of one counter.

fn each_thread(block: u32) {
  if (block * 4u >= s.count) { return; }
  let u = to_uniform(philox(block, state[1], state[0], s.stream));
  let factors = select(vec4<f32>(0.0), vec4<f32>(s.scale), u >= vec4<f32>(s.rate));
  for (var j = 0u; j < 4u; j++) {
    let i = block * 4u + j;
    if (i < s.count) { y[i] = x[i] * factors[j]; }
  }
}
