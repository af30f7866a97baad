// This thread's four columns of a slice of the buffer NAME, of which the first is at `at`, for the
// attention kernels on tiles; zeros beyond the head. The alternative is attention_row_vec4.wgsl.
fn NAME_row(at: i32, slice: i32) -> vec4f {
  let count = columns_left(slice);
  if (count <= 0) { return vec4f(); }
  if (count >= 4) { return vec4f(NAME[at], NAME[at + 1], NAME[at + 2], NAME[at + 3]); }
  let second = select(0.0, NAME[at + 1], count > 1);
  let third = select(0.0, NAME[at + 2], count > 2);
  return vec4f(NAME[at], second, third, 0.0);
}
