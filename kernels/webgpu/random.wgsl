// y = uniform or, with NORMAL, normal random numbers by Box–Muller. y: [count]; state: [seed,
// step]. A thread computes the four uniform numbers, or the two normal ones, of one Philox counter.
// Logarithm and cosine are polynomials, because WGSL's own may be inaccurate near 0.
override NORMAL: u32;

// ln x for normal x. Source: Cephes' logf.
fn logarithm(x: vec2f) -> vec2f {
  let bits = bitcast<vec2u>(x);
  let mantissa = bitcast<vec2f>((bits & vec2u(0x7fffffu)) | vec2u(0x3f000000u));
  let small = mantissa < vec2f(0.7071067811865476);
  let e = vec2f(vec2i(bits >> vec2u(23u)) - 126) - select(vec2f(0.0), vec2f(1.0), small);
  let r = mantissa - 1.0 + select(vec2f(0.0), mantissa, small);
  let p = 3.3333331174e-1 + r * (-2.4999993993e-1 + r * (2.0000714765e-1
    + r * (-1.6668057665e-1 + r * (1.4249322787e-1 + r * (-1.2420140846e-1
    + r * (1.1676998740e-1 + r * (-1.1514610310e-1 + r * 7.0376836292e-2)))))));
  let tail = e * -2.12194440e-4 + r * r * r * p;
  return e * 0.693359375 + (r + (tail - 0.5 * r * r));
}

// cos(2πv) for v in [0, 1): v minus the nearest quarter turn, then a polynomial. Source: Cephes'
// sinf and cosf.
fn cosine_of_turns(v: vec2f) -> vec2f {
  let quarter = round(v * 4.0);
  let angle = (v - quarter * 0.25) * 6.283185307179586;
  let square = angle * angle;
  let sine = angle + angle * square
    * (-1.6666654611e-1 + square * (8.3321608736e-3 - square * 1.9515295891e-4));
  let cosine = 1.0 - 0.5 * square + square * square
    * (4.166664568298827e-2 + square * (-1.388731625493765e-3 + square * 2.443315711809948e-5));
  let q = vec2u(quarter);
  let value = select(cosine, sine, (q & vec2u(1u)) == vec2u(1u));
  return select(value, -value, ((q + 1u) & vec2u(2u)) == vec2u(2u));
}

fn each_thread(block: u32) {
  let u = to_uniform(block_words(block, state[1], state[0], s.stream));
  if (NORMAL == 1u) {
    let values = sqrt(max(-2.0 * logarithm(1.0 - u.xz), vec2f(0.0))) * cosine_of_turns(u.yw);
    for (var j = 0u; j < 2u; j++) {
      if (block * 2u + j < s.count) { y[block * 2u + j] = values[j]; }
    }
    return;
  }
  for (var j = 0u; j < 4u; j++) {
    if (block * 4u + j < s.count) { y[block * 4u + j] = u[j]; }
  }
}
