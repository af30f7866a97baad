// This thread's four columns of row i of the buffer NAME in a slice, for the attention kernels on
// tiles; zeros beyond the rows or the head. Row i of a head starts at PLACE_at and exists below
// LIMIT. The alternative is attention_row_vec4.wgsl.
fn NAME_row(h: Head, i: i32, slice: i32) -> vec4f {
  let count = select(0, columns_left(slice), i < LIMIT);
  let at = PLACE_at(h, i, slice);
  if (count <= 0) { return vec4f(); }
  if (count >= 4) { return vec4f(NAME[at], NAME[at + 1], NAME[at + 2], NAME[at + 3]); }
  let second = select(0.0, NAME[at + 1], count > 1);
  let third = select(0.0, NAME[at + 2], count > 2);
  return vec4f(NAME[at], second, third, 0.0);
}
