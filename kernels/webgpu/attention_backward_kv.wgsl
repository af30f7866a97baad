// dV = Pᵀ·dO and dK = scale·dSᵀ·Q, where dS = P∘(dO·Vᵀ − δ) and P = 2^(S·log₂ e − L) is computed
// again. After attention_tiles.wgsl.
//
// Tensors are laid out as in attention.wgsl: gradient like its output, dk and dv like k and v;
// logSum, delta: [B,H,Tq], L and δ. With PACKED, dk's tensor holds dv as well. A workgroup computes
// 32 keys of one head of keys, over tiles of 32 queries of each head in its group.
override PACKED: u32;

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
fn gradient4(at: i32, count: i32) -> vec4f {
  if (count <= 0) { return vec4f(); }
  if (HEAD_SIZE % 4u == 0u || count >= 4) { return vec4f(gradient[at], gradient[at + 1], gradient[at + 2], gradient[at + 3]); }
  return vec4f(gradient[at], select(0.0, gradient[at + 1], count > 1), select(0.0, gradient[at + 2], count > 2), 0.0);
}

// 'first' is the block's first key, 'limit' the end of the keys that may be seen.
struct Head { batch: i32, first: i32, head: i32, keyHead: i32, limit: i32 }

fn query_at(h: Head, i: i32, slice: i32) -> i32 {
  return s.qOffset + (h.batch * s.queries + i) * s.qStride + h.head * i32(HEAD_SIZE) + 32 * slice + 4 * i32(column);
}
fn result_at(h: Head, i: i32, slice: i32) -> i32 {
  return ((h.batch * s.queries + i) * s.heads + h.head) * i32(HEAD_SIZE) + 32 * slice + 4 * i32(column);
}
fn query_columns(i: i32, slice: i32) -> i32 { return select(0, columns_left(slice), i < s.queries); }
fn key_at(h: Head, n: u32, slice: i32) -> i32 {
  let j = h.batch * s.keys + h.first + i32(n);
  return s.kOffset + j * s.kStride + h.keyHead * i32(HEAD_SIZE) + 32 * slice + 4 * i32(column);
}
fn value_at(h: Head, n: u32, slice: i32) -> i32 {
  let j = h.batch * s.keys + h.first + i32(n);
  return s.vOffset + j * s.vStride + h.keyHead * i32(HEAD_SIZE) + 32 * slice + 4 * i32(column);
}
fn key_columns(h: Head, n: u32, slice: i32) -> i32 {
  return select(0, columns_left(slice), h.first + i32(n) < s.keys);
}

// scores += K·Qᵀ over one slice.
fn scores_slice(scores: ptr<function, mat4x4f>, h: Head, tile: i32, slice: i32) {
  for (var n = row; n < 32u; n += 8u) {
    left[n * PITCH + column] = k4(key_at(h, n, slice), key_columns(h, n, slice));
    let i = tile + i32(n);
    right[spread(n) * PITCH + column] = q4(query_at(h, i, slice), query_columns(i, slice));
  }
  workgroupBarrier();
  add_scores(scores);
  workgroupBarrier();
}
// dp += V·dOᵀ over one slice.
fn gradients_slice(dp: ptr<function, mat4x4f>, h: Head, tile: i32, slice: i32) {
  for (var n = row; n < 32u; n += 8u) {
    left[n * PITCH + column] = v4(value_at(h, n, slice), key_columns(h, n, slice));
    let i = tile + i32(n);
    right[spread(n) * PITCH + column] = gradient4(result_at(h, i, slice), query_columns(i, slice));
  }
  workgroupBarrier();
  add_scores(dp);
  workgroupBarrier();
}
// sums += Pᵀ·dO, one slice of columns.
fn dv_slice(sums: ptr<function, mat4x4f>, h: Head, tile: i32, slice: i32) {
  for (var n = row; n < 32u; n += 8u) {
    let i = tile + i32(n);
    right[n * PITCH + column] = gradient4(result_at(h, i, slice), query_columns(i, slice));
  }
  workgroupBarrier();
  add_values(sums);
  workgroupBarrier();
}
// sums += dSᵀ·Q, one slice of columns.
fn dk_slice(sums: ptr<function, mat4x4f>, h: Head, tile: i32, slice: i32) {
  for (var n = row; n < 32u; n += 8u) {
    let i = tile + i32(n);
    right[n * PITCH + column] = q4(query_at(h, i, slice), query_columns(i, slice));
  }
  workgroupBarrier();
  add_values(sums);
  workgroupBarrier();
}

fn store_row(key: vec4f, value: vec4f, h: Head, n: u32, slice: i32) {
  let at = key_at(h, n, slice);
  let valueAt = value_at(h, n, slice);
  let count = min(key_columns(h, n, slice), 4);
  for (var c = 0; c < count; c++) {
    dk[at + c] = s.scale * key[c];
    if (PACKED == 1u) { dk[valueAt + c] = value[c]; } else { dv[valueAt + c] = value[c]; }
  }
}
fn store_slice(keys: mat4x4f, values: mat4x4f, h: Head, slice: i32) {
  store_row(keys[0], values[0], h, row, slice);
  store_row(keys[1], values[1], h, row + 8u, slice);
  store_row(keys[2], values[2], h, row + 16u, slice);
  store_row(keys[3], values[3], h, row + 24u, slice);
}

// Where the statistics of this thread's four queries lie.
fn statistics_at(h: Head, tile: i32) -> vec4i {
  let i = min(vec4i(0, 1, 2, 3) + (tile + 4 * i32(column)), vec4i(s.queries - 1));
  return i + (h.batch * s.heads + h.head) * s.queries;
}

// Whether this thread's four queries see the key.
fn seen_by(key: i32, tile: i32, limit: i32) -> vec4<bool> {
  let i = vec4i(0, 1, 2, 3) + (tile + 4 * i32(column));
  let position = i + (s.keys - s.queries);
  let inside = (i < vec4i(s.queries)) & vec4<bool>(key < limit);
  return inside & (vec4i(key) >= position - s.behind) & (vec4i(key) <= position + s.ahead);
}

fn each_workgroup(group: u32, lane: u32) {
  place(lane);
  let index = i32(group);
  let blocks = (s.keys + TILE - 1) / TILE;
  let keyHeads = s.heads / s.group;
  if (index >= blocks * keyHeads * s.batch) { return; }
  var h: Head;
  h.batch = index / blocks / keyHeads;
  h.keyHead = index / blocks % keyHeads;
  h.first = (index % blocks) * TILE;
  h.limit = s.keys;
  if (HAS_LENGTHS == 1u) { h.limit = min(s.keys, lengths[h.batch]); }
  // Query i stands at position i + keys − queries.
  let shift = s.keys - s.queries;
  let start = max(h.first - shift - s.ahead, 0) / TILE * TILE;
  let stop = select(0, min(s.queries, min(h.first + TILE, h.limit) - shift + s.behind), h.first < h.limit);

  var k0 = mat4x4f();
  var k1 = mat4x4f();
  var k2 = mat4x4f();
  var k3 = mat4x4f();
  var v0 = mat4x4f();
  var v1 = mat4x4f();
  var v2 = mat4x4f();
  var v3 = mat4x4f();
  let key = h.first + i32(row);
  for (var n = 0; n < s.group; n++) {
    h.head = h.keyHead * s.group + n;
    for (var tile = start; tile < stop; tile += TILE) {
      var scores = mat4x4f();
      var dp = mat4x4f();
      for (var slice = 0; slice < slices(); slice++) {
        scores_slice(&scores, h, tile, slice);
        gradients_slice(&dp, h, tile, slice);
      }
      let at = statistics_at(h, tile);
      let sums = vec4f(logSum[at.x], logSum[at.y], logSum[at.z], logSum[at.w]);
      let deltas = vec4f(delta[at.x], delta[at.y], delta[at.z], delta[at.w]);
      let factor = s.scale * LOG2_E;
      var p: mat4x4f;
      p[0] = select(vec4f(), exp2(scores[0] * factor - sums), seen_by(key, tile, h.limit));
      p[1] = select(vec4f(), exp2(scores[1] * factor - sums), seen_by(key + 8, tile, h.limit));
      p[2] = select(vec4f(), exp2(scores[2] * factor - sums), seen_by(key + 16, tile, h.limit));
      p[3] = select(vec4f(), exp2(scores[3] * factor - sums), seen_by(key + 24, tile, h.limit));
      store_weights(p);
      dv_slice(&v0, h, tile, 0);
      if (HEAD_SIZE > 32u) { dv_slice(&v1, h, tile, 1); }
      if (HEAD_SIZE > 64u) { dv_slice(&v2, h, tile, 2); }
      if (HEAD_SIZE > 96u) { dv_slice(&v3, h, tile, 3); }
      p[0] *= dp[0] - deltas;
      p[1] *= dp[1] - deltas;
      p[2] *= dp[2] - deltas;
      p[3] *= dp[3] - deltas;
      store_weights(p);
      dk_slice(&k0, h, tile, 0);
      if (HEAD_SIZE > 32u) { dk_slice(&k1, h, tile, 1); }
      if (HEAD_SIZE > 64u) { dk_slice(&k2, h, tile, 2); }
      if (HEAD_SIZE > 96u) { dk_slice(&k3, h, tile, 3); }
    }
  }
  store_slice(k0, v0, h, 0);
  if (HEAD_SIZE > 32u) { store_slice(k1, v1, h, 1); }
  if (HEAD_SIZE > 64u) { store_slice(k2, v2, h, 2); }
  if (HEAD_SIZE > 96u) { store_slice(k3, v3, h, 3); }
}
