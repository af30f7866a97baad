// Philox-4x32-10, a counter-based random number generator: four random words for a counter under a
// key. block_words has the counters of lib/random.ts. Source: Salmon et al., SC11.

// The high word of a 64-bit product, by 16-bit halves.
fn multiply_high(a: u32, b: u32) -> u32 {
  let cross = (a >> 16u) * (b & 0xffffu) + (((a & 0xffffu) * (b & 0xffffu)) >> 16u);
  let middle = (a & 0xffffu) * (b >> 16u) + (cross & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (cross >> 16u) + (middle >> 16u);
}

fn philox(counter: vec4u, key: vec2u) -> vec4u {
  var x = counter;
  var k = key;
  for (var round = 0; round < 10; round++) {
    let high = vec2u(multiply_high(0xd2511f53u, x.x), multiply_high(0xcd9e8d57u, x.z));
    x = vec4u(high.y ^ x.y ^ k.x, 0xcd9e8d57u * x.z, high.x ^ x.w ^ k.y, 0xd2511f53u * x.x);
    k += vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return x;
}

// The words of counter [block, 0, step, 0] under key [seed, stream].
fn block_words(block: u32, step: u32, seed: u32, stream: u32) -> vec4u {
  return philox(vec4u(block, 0u, step, 0u), vec2u(seed, stream));
}

// Uniform numbers in [0, 1), multiples of 2^-24.
fn to_uniform(words: vec4u) -> vec4f {
  return vec4f(words >> vec4u(8u)) * 5.9604644775390625e-8;
}
