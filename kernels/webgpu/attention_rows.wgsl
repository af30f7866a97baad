// Reads the buffer NAME in the attention kernels on tiles; sources.ts makes a copy of this source
// for each buffer. Row i of a head starts at PLACE_at and exists below LIMIT.

// This thread's four columns of row i in a slice; zeros beyond the rows or the head.
fn NAME_row(h: Head, i: i32, slice: i32) -> vec4f {
  let count = select(0, columns_left(slice), i < LIMIT);
  let at = PLACE_at(h, i, slice);
  if (count <= 0) { return vec4f(); }
  if (HEAD_SIZE % 4u == 0u || count >= 4) {
    return vec4f(NAME[at], NAME[at + 1], NAME[at + 2], NAME[at + 3]);
  }
  let second = select(0.0, NAME[at + 1], count > 1);
  let third = select(0.0, NAME[at + 2], count > 2);
  return vec4f(NAME[at], second, third, 0.0);
}

// left ← the 32 rows of the workgroup, one slice.
fn NAME_to_left(h: Head, slice: i32) {
  for (var n = row; n < 32u; n += 8u) {
    left[n * PITCH + column] = NAME_row(h, h.first + i32(n), slice);
  }
}

// right ← 32 rows from `tile` on, one slice, in the order of `add_scores`.
fn NAME_to_right(h: Head, tile: i32, slice: i32) {
  for (var n = row; n < 32u; n += 8u) {
    right[spread(n) * PITCH + column] = NAME_row(h, tile + i32(n), slice);
  }
}

// sums += weights·(32 rows from `tile` on), one slice of columns.
fn add_NAME(sums: ptr<function, mat4x4f>, h: Head, tile: i32, slice: i32) {
  for (var n = row; n < 32u; n += 8u) {
    right[n * PITCH + column] = NAME_row(h, tile + i32(n), slice);
  }
  workgroupBarrier();
  add_values(sums);
  workgroupBarrier();
}
