// O = dropout(softmax(scale·Q·Kᵀ))·V for each head by online softmax (flash attention), and L =
// log₂ Σ 2^(scores·log₂ e).
//
// q: rows of `queries`, k and v: rows of `keys`, each with its own offset and row stride, with D
// columns for each head. output: [B,Tq,H·D], logSum: [B,H,Tq]. A query at position p = i + keys −
// queries sees keys p − behind … p + ahead, below lengths[b] if there are lengths, from
// firstKeys[b,i] on if there are first keys; one that sees none gets zeros. Probabilities are summed before dropout. A workgroup of 64 threads computes 32
// queries of one head, over tiles of 32 keys. Sums in f32.

fn add_value_slice(sums: ptr<function, mat4x4f>, h: Head, tile: i32, slice: i32, factor: vec4f) {
  *sums = scale_rows(*sums, factor);
  add_v(sums, h, tile, slice);
}

fn largest_element(v: vec4f) -> f32 { return max(max(v.x, v.y), max(v.z, v.w)); }

fn each_workgroup(index: u32, lane: u32) {
  place_thread(lane);
  let h = head_of(index, s.heads, s.queries);
  if (h.batch >= s.batch) { return; }
  let first = position_of(h.first);
  let stop = min(h.limit, min(first + TILE, s.keys) + s.ahead);
  let start = max(max(first - s.behind, first_key(h, h.first)), 0) / TILE * TILE;
  let i = h.first + i32(row);
  let firsts = first_keys(h, vec4i(i, i + 8, i + 16, i + 24));

  var o0 = mat4x4f();
  var o1 = mat4x4f();
  var o2 = mat4x4f();
  var o3 = mat4x4f();
  var largest = vec4f(LOWEST);
  var sum = vec4f();
  for (var tile = start; tile < stop; tile += TILE) {
    if (DROPOUT == 1u) { store_factors(h, h.first, tile); }
    var scores = mat4x4f();
    for (var slice = 0; slice < slices(); slice++) {
      if (HEAD_SIZE > 32u || tile == start) { q_to_left(h, slice); }
      k_to_right(h, tile, slice);
      workgroupBarrier();
      add_scores(&scores);
      workgroupBarrier();
    }
    scores = scores * (s.scale * LOG2_E);
    let position = vec4i(first + i32(row));
    let key = vec4i(0, 1, 2, 3) + (tile + 4 * i32(column));
    scores = adjusted_rows(scores, key - position, -8, h.head);
    let seen0 = sees(position, key, vec4i(firsts.x), h.limit);
    let seen1 = sees(position + 8, key, vec4i(firsts.y), h.limit);
    let seen2 = sees(position + 16, key, vec4i(firsts.z), h.limit);
    let seen3 = sees(position + 24, key, vec4i(firsts.w), h.limit);
    let most = vec4f(
      largest_element(select(vec4f(LOWEST), scores[0], seen0)),
      largest_element(select(vec4f(LOWEST), scores[1], seen1)),
      largest_element(select(vec4f(LOWEST), scores[2], seen2)),
      largest_element(select(vec4f(LOWEST), scores[3], seen3)),
    );
    let after = max(largest, largest_of_row(most));
    let factor = exp2(largest - after);
    largest = after;
    var p = mat4x4f(
      select(vec4f(), exp2(scores[0] - after.x), seen0),
      select(vec4f(), exp2(scores[1] - after.y), seen1),
      select(vec4f(), exp2(scores[2] - after.z), seen2),
      select(vec4f(), exp2(scores[3] - after.w), seen3),
    );
    let ones = vec4f(1);
    sum = sum * factor + vec4f(dot(p[0], ones), dot(p[1], ones), dot(p[2], ones), dot(p[3], ones));
    if (DROPOUT == 1u) { p = dropped(p, query_factors()); }
    store_weights(p);
    add_value_slice(&o0, h, tile, h.slice, factor);
    if (has_slice(h, 1)) { add_value_slice(&o1, h, tile, h.slice + 1, factor); }
    if (has_slice(h, 2)) { add_value_slice(&o2, h, tile, h.slice + 2, factor); }
    if (has_slice(h, 3)) { add_value_slice(&o3, h, tile, h.slice + 3, factor); }
  }

  let total = sum_of_row(sum);
  let some = total != vec4f();
  let inverse = select(vec4f(), 1.0 / total, some);
  store_output(scale_rows(o0, inverse), h, h.slice);
  if (has_slice(h, 1)) { store_output(scale_rows(o1, inverse), h, h.slice + 1); }
  if (has_slice(h, 2)) { store_output(scale_rows(o2, inverse), h, h.slice + 2); }
  if (has_slice(h, 3)) { store_output(scale_rows(o3, inverse), h, h.slice + 3); }
  if (h.slice == 0 && column < 4u) {
    let i = h.first + i32(row + 8u * column);
    let value = select(vec4f(), largest + log2(total), some)[column];
    if (i < s.queries) { logSum[(h.batch * s.heads + h.head) * s.queries + i] = value; }
  }
}
