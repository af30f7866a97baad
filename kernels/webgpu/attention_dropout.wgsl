// Dropout of attention's probabilities, for the attention kernels on tiles: a probability is
// multiplied by 1/(1 − rate) = keepScale if it is kept, otherwise by 0.
//
// Word `key & 3` of the Philox counter [key >> 2, query, step, batch·H + head] under the key [seed,
// stream] decides: it is kept if its upper 24 bits are at least `threshold`. So every kernel has
// the same mask, whatever its tiles.

// Factors of four neighboring keys, the first a multiple of four.
fn factors_of_keys(h: Head, query: i32, key: i32) -> vec4f {
  let head = h.batch * s.heads + h.head;
  let counter = vec4u(u32(key) / 4u, u32(query), u32(mask_word(1)), u32(head));
  let words = philox(counter, vec2u(u32(mask_word(0)), s.stream));
  return select(vec4f(), vec4f(s.keepScale), (words >> vec4u(8u)) >= vec4u(s.threshold));
}

// This thread's factors of a tile whose rows are queries, and whose columns are keys.
fn query_factors(h: Head, query: i32, key: i32) -> mat4x4f {
  let i = query + i32(row);
  let j = key + 4 * i32(column);
  return mat4x4f(
    factors_of_keys(h, i, j), factors_of_keys(h, i + 8, j),
    factors_of_keys(h, i + 16, j), factors_of_keys(h, i + 24, j),
  );
}

// This thread's factors of a tile whose rows are keys, and whose columns are queries: each thread
// makes those of four queries, and the threads exchange them through `weights`.
fn key_factors(h: Head, query: i32, key: i32) -> mat4x4f {
  store_weights(query_factors(h, query, key));
  workgroupBarrier();
  let at = 4u * column * PITCH + row / 4u;
  let factors = mat4x4f(
    transposed_weights(at), transposed_weights(at + 2u),
    transposed_weights(at + 4u), transposed_weights(at + 6u),
  );
  workgroupBarrier();
  return factors;
}

// Of four neighboring rows of `weights`, from the vector `at` on, the element for this thread's
// key.
fn transposed_weights(at: u32) -> vec4f {
  let key = row % 4u;
  return vec4f(
    weights[at][key], weights[at + PITCH][key],
    weights[at + 2u * PITCH][key], weights[at + 3u * PITCH][key],
  );
}

// values∘factors, elementwise.
fn dropped(values: mat4x4f, factors: mat4x4f) -> mat4x4f {
  return mat4x4f(
    values[0] * factors[0], values[1] * factors[1],
    values[2] * factors[2], values[3] * factors[3],
  );
}
