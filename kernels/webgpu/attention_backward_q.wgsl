// dS = P∘(dO·Vᵀ − δ) and dQ = scale·dS·K, where P = 2^(S·log₂ e − L) is computed again and δ =
// rowsum(dO∘O). After attention_tiles.wgsl.
//
// Tensors are laid out as in attention.wgsl: gradient and output like its output, dq like q. delta:
// [B,H,Tq] gets δ for attention_backward_kv.wgsl. A workgroup computes 32 queries of one head, over
// tiles of 32 keys.

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
fn output4(at: i32, count: i32) -> vec4f {
  if (count <= 0) { return vec4f(); }
  if (HEAD_SIZE % 4u == 0u || count >= 4) { return vec4f(output[at], output[at + 1], output[at + 2], output[at + 3]); }
  return vec4f(output[at], select(0.0, output[at + 1], count > 1), select(0.0, output[at + 2], count > 2), 0.0);
}
fn gradient4(at: i32, count: i32) -> vec4f {
  if (count <= 0) { return vec4f(); }
  if (HEAD_SIZE % 4u == 0u || count >= 4) { return vec4f(gradient[at], gradient[at + 1], gradient[at + 2], gradient[at + 3]); }
  return vec4f(gradient[at], select(0.0, gradient[at + 1], count > 1), select(0.0, gradient[at + 2], count > 2), 0.0);
}

struct Head { batch: i32, first: i32, head: i32, keyHead: i32, position: i32, limit: i32 }

fn query_at(h: Head, n: u32, slice: i32) -> i32 {
  let i = h.batch * s.queries + h.first + i32(n);
  return s.qOffset + i * s.qStride + h.head * i32(HEAD_SIZE) + 32 * slice + 4 * i32(column);
}
fn result_at(h: Head, n: u32, slice: i32) -> i32 {
  let i = h.batch * s.queries + h.first + i32(n);
  return (i * s.heads + h.head) * i32(HEAD_SIZE) + 32 * slice + 4 * i32(column);
}
fn query_columns(h: Head, n: u32, slice: i32) -> i32 {
  return select(0, columns_left(slice), h.first + i32(n) < s.queries);
}
fn key_columns(h: Head, j: i32, slice: i32) -> i32 { return select(0, columns_left(slice), j < h.limit); }
fn key_at(h: Head, j: i32, slice: i32) -> i32 {
  return s.kOffset + (h.batch * s.keys + j) * s.kStride + h.keyHead * i32(HEAD_SIZE) + 32 * slice + 4 * i32(column);
}
fn value_at(h: Head, j: i32, slice: i32) -> i32 {
  return s.vOffset + (h.batch * s.keys + j) * s.vStride + h.keyHead * i32(HEAD_SIZE) + 32 * slice + 4 * i32(column);
}

// scores += Q·Kᵀ over one slice.
fn scores_slice(scores: ptr<function, mat4x4f>, h: Head, tile: i32, slice: i32) {
  for (var n = row; n < 32u; n += 8u) {
    left[n * PITCH + column] = q4(query_at(h, n, slice), query_columns(h, n, slice));
    let j = tile + i32(n);
    right[spread(n) * PITCH + column] = k4(key_at(h, j, slice), key_columns(h, j, slice));
  }
  workgroupBarrier();
  add_scores(scores);
  workgroupBarrier();
}
// dp += dO·Vᵀ over one slice.
fn gradients_slice(dp: ptr<function, mat4x4f>, h: Head, tile: i32, slice: i32) {
  for (var n = row; n < 32u; n += 8u) {
    left[n * PITCH + column] = gradient4(result_at(h, n, slice), query_columns(h, n, slice));
    let j = tile + i32(n);
    right[spread(n) * PITCH + column] = v4(value_at(h, j, slice), key_columns(h, j, slice));
  }
  workgroupBarrier();
  add_scores(dp);
  workgroupBarrier();
}
// sums += dS·K, one slice of columns.
fn keys_slice(sums: ptr<function, mat4x4f>, h: Head, tile: i32, slice: i32) {
  for (var n = row; n < 32u; n += 8u) {
    let j = tile + i32(n);
    right[n * PITCH + column] = k4(key_at(h, j, slice), key_columns(h, j, slice));
  }
  workgroupBarrier();
  add_values(sums);
  workgroupBarrier();
}

// This thread's part of dO·O in row n.
fn delta_part(h: Head, n: u32) -> f32 {
  var sum = 0.0;
  for (var slice = 0; slice < slices(); slice++) {
    let at = result_at(h, n, slice);
    let count = query_columns(h, n, slice);
    sum += dot(gradient4(at, count), output4(at, count));
  }
  return sum;
}

fn store_row(values: vec4f, h: Head, n: u32, slice: i32) {
  let at = query_at(h, n, slice);
  let count = min(query_columns(h, n, slice), 4);
  for (var c = 0; c < count; c++) { dq[at + c] = s.scale * values[c]; }
}
fn store_slice(sums: mat4x4f, h: Head, slice: i32) {
  store_row(sums[0], h, row, slice);
  store_row(sums[1], h, row + 8u, slice);
  store_row(sums[2], h, row + 16u, slice);
  store_row(sums[3], h, row + 24u, slice);
}

fn load_statistic(h: Head, headIndex: i32, n: u32) -> f32 {
  let i = h.first + i32(n);
  return logSum[headIndex * s.queries + min(i, s.queries - 1)];
}

// One row of dS: P∘(dP − δ) where the query sees the key.
fn score_gradient(scores: vec4f, dp: vec4f, sum: f32, own: f32, seen: vec4<bool>) -> vec4f {
  return select(vec4f(), exp2(scores * (s.scale * LOG2_E) - sum) * (dp - own), seen);
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

  let sums = vec4f(
    load_statistic(h, headIndex, row), load_statistic(h, headIndex, row + 8u),
    load_statistic(h, headIndex, row + 16u), load_statistic(h, headIndex, row + 24u),
  );
  let deltas = sum_of_row(vec4f(delta_part(h, row), delta_part(h, row + 8u), delta_part(h, row + 16u), delta_part(h, row + 24u)));
  if (column < 4u) {
    let i = h.first + i32(row + 8u * column);
    if (i < s.queries) { delta[headIndex * s.queries + i] = deltas[column]; }
  }
  var d0 = mat4x4f();
  var d1 = mat4x4f();
  var d2 = mat4x4f();
  var d3 = mat4x4f();
  for (var tile = start; tile < stop; tile += TILE) {
    var scores = mat4x4f();
    var dp = mat4x4f();
    for (var slice = 0; slice < slices(); slice++) {
      scores_slice(&scores, h, tile, slice);
      gradients_slice(&dp, h, tile, slice);
    }
    let position = h.position + i32(row);
    let key = tile + 4 * i32(column);
    var ds: mat4x4f;
    ds[0] = score_gradient(scores[0], dp[0], sums.x, deltas.x, sees(position, key, s.behind, s.ahead, h.limit));
    ds[1] = score_gradient(scores[1], dp[1], sums.y, deltas.y, sees(position + 8, key, s.behind, s.ahead, h.limit));
    ds[2] = score_gradient(scores[2], dp[2], sums.z, deltas.z, sees(position + 16, key, s.behind, s.ahead, h.limit));
    ds[3] = score_gradient(scores[3], dp[3], sums.w, deltas.w, sees(position + 24, key, s.behind, s.ahead, h.limit));
    store_weights(ds);
    keys_slice(&d0, h, tile, 0);
    if (HEAD_SIZE > 32u) { keys_slice(&d1, h, tile, 1); }
    if (HEAD_SIZE > 64u) { keys_slice(&d2, h, tile, 2); }
    if (HEAD_SIZE > 96u) { keys_slice(&d3, h, tile, 3); }
  }
  store_slice(d0, h, 0);
  if (HEAD_SIZE > 32u) { store_slice(d1, h, 1); }
  if (HEAD_SIZE > 64u) { store_slice(d2, h, 2); }
  if (HEAD_SIZE > 96u) { store_slice(d3, h, 3); }
}
