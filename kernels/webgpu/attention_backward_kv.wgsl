// With VALUES dV = (M∘P)ᵀ·dO, otherwise dK = scale·dSᵀ·Q, with dS = P∘(M∘(dO·Vᵀ) − δ), P = 2^(S·log₂
// e − L), which is recomputed, and M the factors of attention_dropout.wgsl, 1 without dropout. Both
// at once would take more registers than a thread has.
//
// Tensors are laid out as in attention.wgsl: gradient (dO) like its output, dk and dv like k and v;
// a packed dk holds dv, too. statistics: [2,B,H,Tq], L and δ. A workgroup of 64 threads computes 32
// keys of one key head, over tiles of 32 queries of each query head in its group. Sums in f32.
override VALUES: u32;

// scores += K·Qᵀ over one slice.
fn add_score_slice(scores: ptr<function, mat4x4f>, h: Head, tile: i32, slice: i32) {
  k_to_left(h, slice);
  q_to_right(h, tile, slice);
  workgroupBarrier();
  add_scores(scores);
  workgroupBarrier();
}

// dp += V·dOᵀ over one slice.
fn add_gradient_slice(dp: ptr<function, mat4x4f>, h: Head, tile: i32, slice: i32) {
  v_to_left(h, slice);
  gradient_to_right(h, tile, slice);
  workgroupBarrier();
  add_scores(dp);
  workgroupBarrier();
}

// sums += (M∘P)ᵀ·dO or dSᵀ·Q over one slice of columns.
fn add_slice(sums: ptr<function, mat4x4f>, h: Head, tile: i32, slice: i32) {
  if (VALUES == 1u) { add_gradient(sums, h, tile, slice); } else { add_q(sums, h, tile, slice); }
}

// Indices of L for this thread's four queries, which start at i.
fn log_sums_at(h: Head, i: vec4i) -> vec4i {
  return min(i, vec4i(s.queries - 1)) + (h.batch * s.heads + h.head) * s.queries;
}

fn statistics_of(at: vec4i) -> vec4f {
  return vec4f(statistics[at.x], statistics[at.y], statistics[at.z], statistics[at.w]);
}

// Whether this thread's four queries see the key.
fn seen_by(i: vec4i, key: i32, first: vec4i, limit: i32) -> vec4<bool> {
  return (i < vec4i(s.queries)) & sees(i + position_of(0), vec4i(key), first, limit);
}

fn each_workgroup(index: u32, lane: u32) {
  place_thread(lane);
  var h = head_of(index, s.heads / s.group, s.keys);
  if (h.batch >= s.batch) { return; }
  h.keyHead = h.head;
  let shift = position_of(0);
  let start = max(h.first - shift - s.ahead, 0) / TILE * TILE;
  let last = min(h.first + TILE, h.limit) - shift + s.behind;
  let stop = select(0, min(s.queries, last), h.first < h.limit);

  var d0 = mat4x4f();
  var d1 = mat4x4f();
  var d2 = mat4x4f();
  var d3 = mat4x4f();
  let key = h.first + i32(row);
  for (var n = 0; n < s.group; n++) {
    h.head = h.keyHead * s.group + n;
    for (var tile = start; tile < stop; tile += TILE) {
      if (DROPOUT == 1u) { store_factors(h, tile, h.first); }
      var scores = mat4x4f();
      for (var slice = 0; slice < slices(); slice++) { add_score_slice(&scores, h, tile, slice); }
      var dp = mat4x4f();
      if (VALUES == 0u) {
        for (var slice = 0; slice < slices(); slice++) { add_gradient_slice(&dp, h, tile, slice); }
      }
      let i = vec4i(0, 1, 2, 3) + (tile + 4 * i32(column));
      let at = log_sums_at(h, i);
      let first = first_keys(h, i);
      let sums = statistics_of(at);
      scores = adjusted_rows(scores * (s.scale * LOG2_E), key - (i + shift), 8, h.head);
      var p = mat4x4f(
        select(vec4f(), exp2(scores[0] - sums), seen_by(i, key, first, h.limit)),
        select(vec4f(), exp2(scores[1] - sums), seen_by(i, key + 8, first, h.limit)),
        select(vec4f(), exp2(scores[2] - sums), seen_by(i, key + 16, first, h.limit)),
        select(vec4f(), exp2(scores[3] - sums), seen_by(i, key + 24, first, h.limit)),
      );
      if (DROPOUT == 1u) {
        let factors = key_factors();
        if (VALUES == 1u) { p = dropped(p, factors); } else { dp = dropped(dp, factors); }
      }
      if (VALUES == 0u) {
        let deltas = statistics_of(at + s.batch * s.heads * s.queries);
        p[0] = before_cap(p[0] * (dp[0] - deltas), scores[0]);
        p[1] = before_cap(p[1] * (dp[1] - deltas), scores[1]);
        p[2] = before_cap(p[2] * (dp[2] - deltas), scores[2]);
        p[3] = before_cap(p[3] * (dp[3] - deltas), scores[3]);
      }
      store_weights(p);
      add_slice(&d0, h, tile, h.slice);
      if (has_slice(h, 1)) { add_slice(&d1, h, tile, h.slice + 1); }
      if (has_slice(h, 2)) { add_slice(&d2, h, tile, h.slice + 2); }
      if (has_slice(h, 3)) { add_slice(&d3, h, tile, h.slice + 3); }
    }
  }
  store_slice(d0, h, 0);
  store_slice(d1, h, 1);
  store_slice(d2, h, 2);
  store_slice(d3, h, 3);
}

fn store_slice(sums: mat4x4f, h: Head, n: i32) {
  if (!has_slice(h, n)) { return; }
  if (VALUES == 1u) { store_dv(sums, h, h.slice + n); }
  else { store_dk(s.scale * sums, h, h.slice + n); }
}
