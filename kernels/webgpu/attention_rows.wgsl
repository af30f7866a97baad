// Reads the buffer NAME in the attention kernels on tiles; sources.ts makes a copy of this source
// for each buffer, after attention_row.wgsl or attention_row_vec4.wgsl.

// This thread's columns of four rows from row i on, `step` apart, in a slice. A row from LIMIT on
// is read as the last before it: what comes of it is masked or not stored.
fn NAME_four(h: Head, i: i32, step: i32, slice: i32) -> mat4x4f {
  let stride = step * PLACE_stride();
  let last = PLACE_at(h, LIMIT - 1, slice);
  let first = PLACE_at(h, i, slice);
  let second = first + stride;
  let third = second + stride;
  return mat4x4f(
    NAME_row(min(first, last), slice), NAME_row(min(second, last), slice),
    NAME_row(min(third, last), slice), NAME_row(min(third + stride, last), slice),
  );
}

// This thread's four rows of 32 from `start` on, one slice.
fn NAME_rows(h: Head, start: i32, slice: i32) -> mat4x4f {
  return NAME_four(h, start + i32(row), 8, slice);
}

// left ← the 32 rows of the workgroup, one slice.
fn NAME_to_left(h: Head, slice: i32) { store_left(NAME_rows(h, h.first, slice)); }

// right ← 32 rows from `tile` on, one slice, for `add_scores`: row n at n % 4 · 8 + n / 4, which
// avoids bank conflicts between the threads of a row.
fn NAME_to_right(h: Head, tile: i32, slice: i32) {
  store_right(NAME_four(h, tile + 4 * i32(row), 1, slice));
}

// sums += weights·(32 rows from `tile` on), one slice of columns.
fn add_NAME(sums: ptr<function, mat4x4f>, h: Head, tile: i32, slice: i32) {
  store_right(NAME_rows(h, tile, slice));
  workgroupBarrier();
  add_values(sums);
  workgroupBarrier();
}
