// Stores one slice of the result NAME of an attention kernel on tiles in BUFFER; sources.ts makes a
// copy of this source for each result. Row i of a head starts at PLACE_at and exists below LIMIT.
fn store_NAME_row(values: vec4f, h: Head, n: u32, slice: i32) {
  let i = h.first + i32(n);
  let at = PLACE_at(h, i, slice);
  let count = select(0, min(columns_left(slice), 4), i < LIMIT);
  for (var c = 0; c < count; c++) { BUFFER[at + c] = values[c]; }
}

fn store_NAME(sums: mat4x4f, h: Head, slice: i32) {
  store_NAME_row(sums[0], h, row, slice);
  store_NAME_row(sums[1], h, row + 8u, slice);
  store_NAME_row(sums[2], h, row + 16u, slice);
  store_NAME_row(sums[3], h, row + 24u, slice);
}
