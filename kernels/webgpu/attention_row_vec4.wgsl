// The same as attention_row.wgsl by one vectorized (vec4) load, if 4 divides the head size. Columns
// that do not exist are read from the first place, without a branch, so that the loads of several
// rows are in flight together.
fn NAME_row(at: i32, slice: i32) -> vec4f {
  if (HEAD_SIZE % 32u == 0u) { return NAME[at >> 2u]; }
  let exists = columns_left(slice) > 0;
  return select(vec4f(), NAME[select(0, at >> 2u, exists)], exists);
}
