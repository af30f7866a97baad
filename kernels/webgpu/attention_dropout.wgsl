// Dropout of attention's probabilities, for the attention kernels on tiles: a probability is
// multiplied by 1/(1 − rate) = keepScale if it is kept, otherwise by 0.
//
// 16 bits of the Philox counter [key >> 3, query, step, batch·H + head] under the key [seed,
// stream] decide: of its word `key & 3` the lower half if `key & 4` is 0, otherwise the upper one.
// It is kept if they are at least `threshold`. So every kernel has the same mask, whatever its
// tiles.

// weights ← the factors of 32 queries and 32 keys from the first of both on; a thread makes those
// of two queries for eight keys. The tile's probabilities replace them later; they are made before
// its products, because random bits and sums together take more registers than a thread has.
fn store_factors(h: Head, query: i32, key: i32) {
  let head = u32(h.batch * s.heads + h.head);
  let octet = column % 4u;
  for (var n = row + 8u * (column / 4u); n < 32u; n += 16u) {
    let counter = vec4u(u32(key) / 8u + octet, u32(query) + n, u32(mask_word(1)), head);
    let words = philox(counter, vec2u(u32(mask_word(0)), s.stream));
    weights[n][2u * octet] = factors_of(words & vec4u(0xffffu));
    weights[n][2u * octet + 1u] = factors_of(words >> vec4u(16u));
  }
  workgroupBarrier();
}

fn factors_of(bits: vec4u) -> vec4f {
  return select(vec4f(), vec4f(s.keepScale), bits >= vec4u(s.threshold));
}

// This thread's factors of a tile whose rows are queries and whose columns are keys: no other
// thread reads them.
fn query_factors() -> mat4x4f {
  return mat4x4f(
    weights[row][column], weights[row + 8u][column],
    weights[row + 16u][column], weights[row + 24u][column],
  );
}

// This thread's factors of a tile whose rows are keys and whose columns are queries.
fn key_factors() -> mat4x4f {
  let at = row / 4u;
  let factors = mat4x4f(
    transposed_weights(at), transposed_weights(at + 2u),
    transposed_weights(at + 4u), transposed_weights(at + 6u),
  );
  workgroupBarrier();
  return factors;
}

// Of the vector `at` of this thread's four rows of `weights`, the element for its key.
fn transposed_weights(at: u32) -> vec4f {
  let key = row % 4u;
  let n = 4u * column;
  return vec4f(
    weights[n][at][key], weights[n + 1u][at][key], weights[n + 2u][at][key], weights[n + 3u][at][key],
  );
}

// values∘factors, elementwise.
fn dropped(values: mat4x4f, factors: mat4x4f) -> mat4x4f {
  return mat4x4f(
    values[0] * factors[0], values[1] * factors[1],
    values[2] * factors[2], values[3] * factors[3],
  );
}
