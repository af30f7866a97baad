// O = softmax(scale·Q·Kᵀ)·V for each head, and L = log₂ Σ 2^(scores·log₂ e), by online softmax.
// After attention_tiles.wgsl.
//
// q: rows of `queries`, k and v: rows of `keys`, each head D columns at an offset and a row stride
// of its own. output: [B,Tq,H·D], logSum: [B,H,Tq]. A query at position p = i + keys − queries sees
// keys p − behind … p + ahead, below lengths[b] where lengths are given; one that sees none gets
// zeros. A workgroup computes 32 queries of one head, over tiles of 32 keys.

fn q4(at: i32, count: i32) -> vec4f {
  if (count <= 0) { return vec4f(); }
  if (HEAD_SIZE % 4u == 0u || count >= 4) { return vec4f(q[at], q[at + 1], q[at + 2], q[at + 3]); }
  return vec4f(q[at], select(0.0, q[at + 1], count > 1), select(0.0, q[at + 2], count > 2), 0.0);
}
fn k4(at: i32, count: i32) -> vec4f {
  if (count <= 0) { return vec4f(); }
  if (HEAD_SIZE % 4u == 0u || count >= 4) { return vec4f(k[at], k[at + 1], k[at + 2], k[at + 3]); }
  return vec4f(k[at], select(0.0, k[at + 1], count > 1), select(0.0, k[at + 2], count > 2), 0.0);
}
fn v4(at: i32, count: i32) -> vec4f {
  if (count <= 0) { return vec4f(); }
  if (HEAD_SIZE % 4u == 0u || count >= 4) { return vec4f(v[at], v[at + 1], v[at + 2], v[at + 3]); }
  return vec4f(v[at], select(0.0, v[at + 1], count > 1), select(0.0, v[at + 2], count > 2), 0.0);
}

struct Head { batch: i32, first: i32, head: i32, keyHead: i32, position: i32, limit: i32 }

fn load_queries(h: Head, slice: i32) {
  for (var n = row; n < 32u; n += 8u) {
    let i = h.first + i32(n);
    let at = s.qOffset + (h.batch * s.queries + i) * s.qStride + h.head * i32(HEAD_SIZE) + 32 * slice + 4 * i32(column);
    left[n * PITCH + column] = q4(at, select(0, columns_left(slice), i < s.queries));
  }
}
fn load_keys(h: Head, tile: i32, slice: i32) {
  for (var n = row; n < 32u; n += 8u) {
    let j = tile + i32(n);
    let at = s.kOffset + (h.batch * s.keys + j) * s.kStride + h.keyHead * i32(HEAD_SIZE) + 32 * slice + 4 * i32(column);
    right[spread(n) * PITCH + column] = k4(at, select(0, columns_left(slice), j < h.limit));
  }
}
fn load_values(h: Head, tile: i32, slice: i32) {
  for (var n = row; n < 32u; n += 8u) {
    let j = tile + i32(n);
    let at = s.vOffset + (h.batch * s.keys + j) * s.vStride + h.keyHead * i32(HEAD_SIZE) + 32 * slice + 4 * i32(column);
    right[n * PITCH + column] = v4(at, select(0, columns_left(slice), j < h.limit));
  }
}

fn value_slice(sums: ptr<function, mat4x4f>, h: Head, tile: i32, slice: i32, factor: vec4f) {
  load_values(h, tile, slice);
  workgroupBarrier();
  (*sums)[0] *= factor.x;
  (*sums)[1] *= factor.y;
  (*sums)[2] *= factor.z;
  (*sums)[3] *= factor.w;
  add_values(sums);
  workgroupBarrier();
}

fn store_row(values: vec4f, h: Head, n: u32, slice: i32) {
  let i = h.first + i32(n);
  if (i >= s.queries) { return; }
  let at = ((h.batch * s.queries + i) * s.heads + h.head) * i32(HEAD_SIZE) + 32 * slice + 4 * i32(column);
  let count = min(columns_left(slice), 4);
  for (var c = 0; c < count; c++) { output[at + c] = values[c]; }
}
fn store_slice(sums: mat4x4f, factor: vec4f, h: Head, slice: i32) {
  store_row(sums[0] * factor.x, h, row, slice);
  store_row(sums[1] * factor.y, h, row + 8u, slice);
  store_row(sums[2] * factor.z, h, row + 16u, slice);
  store_row(sums[3] * factor.w, h, row + 24u, slice);
}

fn each_workgroup(group: u32, lane: u32) {
  place(lane);
  let index = i32(group);
  let blocks = (s.queries + TILE - 1) / TILE;
  if (index >= blocks * s.heads * s.batch) { return; }
  let headIndex = index / blocks;
  var h: Head;
  h.batch = headIndex / s.heads;
  h.head = headIndex % s.heads;
  h.keyHead = h.head / s.group;
  h.first = (index % blocks) * TILE;
  h.limit = s.keys;
  if (HAS_LENGTHS == 1u) { h.limit = min(s.keys, lengths[h.batch]); }
  h.position = h.first + s.keys - s.queries;
  let stop = min(h.limit, min(h.position + TILE, s.keys) + s.ahead);
  let start = max(h.position - s.behind, 0) / TILE * TILE;

  var o0 = mat4x4f();
  var o1 = mat4x4f();
  var o2 = mat4x4f();
  var o3 = mat4x4f();
  var largest = vec4f(LOWEST);
  var sum = vec4f();
  for (var tile = start; tile < stop; tile += TILE) {
    var scores = mat4x4f();
    for (var slice = 0; slice < slices(); slice++) {
      if (HEAD_SIZE > 32u || tile == start) { load_queries(h, slice); }
      load_keys(h, tile, slice);
      workgroupBarrier();
      add_scores(&scores);
      workgroupBarrier();
    }
    scores = scores * (s.scale * LOG2_E);
    let position = h.position + i32(row);
    let key = tile + 4 * i32(column);
    let seen0 = sees(position, key, s.behind, s.ahead, h.limit);
    let seen1 = sees(position + 8, key, s.behind, s.ahead, h.limit);
    let seen2 = sees(position + 16, key, s.behind, s.ahead, h.limit);
    let seen3 = sees(position + 24, key, s.behind, s.ahead, h.limit);
    let most0 = select(vec4f(LOWEST), scores[0], seen0);
    let most1 = select(vec4f(LOWEST), scores[1], seen1);
    let most2 = select(vec4f(LOWEST), scores[2], seen2);
    let most3 = select(vec4f(LOWEST), scores[3], seen3);
    let most = vec4f(
      max(max(most0.x, most0.y), max(most0.z, most0.w)), max(max(most1.x, most1.y), max(most1.z, most1.w)),
      max(max(most2.x, most2.y), max(most2.z, most2.w)), max(max(most3.x, most3.y), max(most3.z, most3.w)),
    );
    let after = max(largest, largest_of_row(most));
    let factor = exp2(largest - after);
    largest = after;
    var p: mat4x4f;
    p[0] = select(vec4f(), exp2(scores[0] - after.x), seen0);
    p[1] = select(vec4f(), exp2(scores[1] - after.y), seen1);
    p[2] = select(vec4f(), exp2(scores[2] - after.z), seen2);
    p[3] = select(vec4f(), exp2(scores[3] - after.w), seen3);
    sum = sum * factor + vec4f(dot(p[0], vec4f(1)), dot(p[1], vec4f(1)), dot(p[2], vec4f(1)), dot(p[3], vec4f(1)));
    store_weights(p);
    value_slice(&o0, h, tile, 0, factor);
    if (HEAD_SIZE > 32u) { value_slice(&o1, h, tile, 1, factor); }
    if (HEAD_SIZE > 64u) { value_slice(&o2, h, tile, 2, factor); }
    if (HEAD_SIZE > 96u) { value_slice(&o3, h, tile, 3, factor); }
  }

  let total = sum_of_row(sum);
  let some = total != vec4f();
  let inverse = select(vec4f(), 1.0 / total, some);
  store_slice(o0, inverse, h, 0);
  if (HEAD_SIZE > 32u) { store_slice(o1, inverse, h, 1); }
  if (HEAD_SIZE > 64u) { store_slice(o2, inverse, h, 2); }
  if (HEAD_SIZE > 96u) { store_slice(o3, inverse, h, 3); }
  if (column < 4u) {
    let i = h.first + i32(row + 8u * column);
    let value = select(vec4f(), largest + log2(total), some)[column];
    if (i < s.queries) { logSum[headIndex * s.queries + i] = value; }
  }
}
