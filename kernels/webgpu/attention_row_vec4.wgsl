// The same as attention_row.wgsl by one vectorized (vec4) load, if 4 divides the head size. What
// does not exist is read from the first place, without a branch, so that the loads of several rows
// are in flight together.
fn NAME_row(h: Head, i: i32, slice: i32) -> vec4f {
  let exists = i < LIMIT && columns_left(slice) > 0;
  return select(vec4f(), NAME[select(0, PLACE_at(h, i, slice) / 4, exists)], exists);
}
