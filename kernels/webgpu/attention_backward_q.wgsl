// dS = P∘(M∘(dO·Vᵀ) − δ) and dQ = scale·dS·K, with P = 2^(S·log₂ e − L), which is recomputed, δ =
// rowsum(dO∘O), and M the factors of attention_dropout.wgsl, 1 without dropout.
//
// Tensors are laid out as in attention.wgsl: gradient (dO) and output like its output, dq like q.
// statistics: [2,B,H,Tq], L; δ is stored after L, for attention_backward_kv.wgsl. A workgroup of 64
// threads computes 32 queries of one head, over tiles of 32 keys. Sums in f32.

// L and δ of each thread row's four rows, and the first and the last key that they see, read again
// for each tile: registers are scarce.
var<workgroup> row_log_sums: array<vec4f, 8>;
var<workgroup> row_deltas: array<vec4f, 8>;
var<workgroup> row_first_keys: array<vec4i, 8>;
var<workgroup> row_last_keys: array<vec4i, 8>;

// scores += Q·Kᵀ over one slice.
fn add_score_slice(scores: ptr<function, mat4x4f>, h: Head, tile: i32, slice: i32) {
  q_to_left(h, slice);
  k_to_right(h, tile, slice);
  workgroupBarrier();
  add_scores(scores);
  workgroupBarrier();
}

// dp += dO·Vᵀ over one slice.
fn add_gradient_slice(dp: ptr<function, mat4x4f>, h: Head, tile: i32, slice: i32) {
  gradient_to_left(h, slice);
  v_to_right(h, tile, slice);
  workgroupBarrier();
  add_scores(dp);
  workgroupBarrier();
}

// This thread's part of rowsum(dO∘O) in each of its four rows.
fn delta_parts(h: Head) -> vec4f {
  var sums = vec4f();
  for (var slice = 0; slice < slices(); slice++) {
    let a = gradient_rows(h, h.first, slice);
    let b = output_rows(h, h.first, slice);
    sums += vec4f(dot(a[0], b[0]), dot(a[1], b[1]), dot(a[2], b[2]), dot(a[3], b[3]));
  }
  return sums;
}

// L of four queries, of the head whose first is at `start`.
fn log_sums(start: i32, i: vec4i) -> vec4f {
  let at = min(i, vec4i(s.queries - 1)) + start;
  return vec4f(statistics[at.x], statistics[at.y], statistics[at.z], statistics[at.w]);
}

// Stores this thread's part of row n of dS for `add_values`: P∘(M∘dP − δ) if the query sees the
// key, for scores times log₂ e. M is where dS will be.
fn store_row(n: u32, scores: vec4f, product: vec4f, sum: f32, delta: f32, seen: vec4<bool>) {
  var dp = product;
  if (DROPOUT == 1u) { dp *= weights[n][column]; }
  let gradient = before_cap(exp2(scores - sum) * (dp - delta), scores);
  weights[n][column] = select(vec4f(), gradient, seen);
}

// Whether a query that sees the keys from `low` to `high` sees these, elementwise.
fn is_between(key: vec4i, low: i32, high: i32) -> vec4<bool> {
  return (key >= vec4i(low)) & (key <= vec4i(high));
}

fn each_workgroup(index: u32, lane: u32) {
  place_thread(lane);
  let h = head_of(index, s.heads, s.queries);
  if (h.batch >= s.batch) { return; }
  let first = position_of(h.first);
  let stop = min(h.limit, min(first + TILE, s.keys) + s.ahead);
  let start = max(max(first - s.behind, first_key(h, h.first)), 0) / TILE * TILE;

  let own = (h.batch * s.heads + h.head) * s.queries;
  let deltas = sum_of_row(delta_parts(h));
  if (h.slice == 0 && column < 4u) {
    let i = h.first + i32(row + 8u * column);
    if (i < s.queries) { statistics[s.batch * s.heads * s.queries + own + i] = deltas[column]; }
  }
  if (column == 0u) {
    let i = vec4i(0, 8, 16, 24) + (h.first + i32(row));
    let position = i + position_of(0);
    row_log_sums[row] = log_sums(own, i);
    row_deltas[row] = deltas;
    row_first_keys[row] = max(position - s.behind, first_keys(h, i));
    row_last_keys[row] = min(position + s.ahead, vec4i(h.limit - 1));
  }
  workgroupBarrier();
  var d0 = mat4x4f();
  var d1 = mat4x4f();
  var d2 = mat4x4f();
  var d3 = mat4x4f();
  for (var tile = start; tile < stop; tile += TILE) {
    if (DROPOUT == 1u) { store_factors(h, h.first, tile); }
    var scores = mat4x4f();
    for (var slice = 0; slice < slices(); slice++) { add_score_slice(&scores, h, tile, slice); }
    // A loop of its own, because one for both would keep the places of all four reads in registers.
    var dp = mat4x4f();
    for (var slice = 0; slice < slices(); slice++) { add_gradient_slice(&dp, h, tile, slice); }
    let key = vec4i(0, 1, 2, 3) + (tile + 4 * i32(column));
    scores = adjusted_rows(scores * (s.scale * LOG2_E), key - (first + i32(row)), -8, h.head);
    let lows = row_first_keys[row];
    let highs = row_last_keys[row];
    let sums = row_log_sums[row];
    let delta = row_deltas[row];
    store_row(row, scores[0], dp[0], sums.x, delta.x, is_between(key, lows.x, highs.x));
    store_row(row + 8u, scores[1], dp[1], sums.y, delta.y, is_between(key, lows.y, highs.y));
    store_row(row + 16u, scores[2], dp[2], sums.z, delta.z, is_between(key, lows.z, highs.z));
    store_row(row + 24u, scores[3], dp[3], sums.w, delta.w, is_between(key, lows.w, highs.w));
    add_k(&d0, h, tile, h.slice);
    if (has_slice(h, 1)) { add_k(&d1, h, tile, h.slice + 1); }
    if (has_slice(h, 2)) { add_k(&d2, h, tile, h.slice + 2); }
    if (has_slice(h, 3)) { add_k(&d3, h, tile, h.slice + 3); }
  }
  store_dq(s.scale * d0, h, h.slice);
  if (has_slice(h, 1)) { store_dq(s.scale * d1, h, h.slice + 1); }
  if (has_slice(h, 2)) { store_dq(s.scale * d2, h, h.slice + 2); }
  if (has_slice(h, 3)) { store_dq(s.scale * d3, h, h.slice + 3); }
}
