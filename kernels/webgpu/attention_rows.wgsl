// Reads the buffer NAME in the attention kernels on tiles; sources.ts makes a copy of this source
// for each buffer, after attention_row.wgsl or attention_row_vec4.wgsl.

// This thread's four rows of 32 from `start` on, one slice.
fn NAME_rows(h: Head, start: i32, slice: i32) -> mat4x4f {
  let i = start + i32(row);
  return mat4x4f(
    NAME_row(h, i, slice), NAME_row(h, i + 8, slice),
    NAME_row(h, i + 16, slice), NAME_row(h, i + 24, slice),
  );
}

// left ← the 32 rows of the workgroup, one slice.
fn NAME_to_left(h: Head, slice: i32) { store_left(NAME_rows(h, h.first, slice)); }

// right ← 32 rows from `tile` on, one slice, in the order of `add_scores`.
fn NAME_to_right(h: Head, tile: i32, slice: i32) { store_spread(NAME_rows(h, tile, slice)); }

// sums += weights·(32 rows from `tile` on), one slice of columns.
fn add_NAME(sums: ptr<function, mat4x4f>, h: Head, tile: i32, slice: i32) {
  store_right(NAME_rows(h, tile, slice));
  workgroupBarrier();
  add_values(sums);
  workgroupBarrier();
}
