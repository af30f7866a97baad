// dQ of attention, and delta = Σ dO∘O of each row, which the other half needs. Buffers as in attention.wgsl; gradient: [B, Tq, H·D]; dq: as q;
// delta: [B, H, Tq]. A workgroup computes QUERIES queries of one head, 32 keys at a time; sums are float32.
override HEAD_SIZE: u32;
override HAS_LENGTHS: u32;
override QUERIES: u32;

struct Scalars {
  batch: i32, heads: i32, group: i32, queries: i32, keys: i32, behind: i32, ahead: i32, scale: f32,
  qOffset: i32, qStride: i32, kOffset: i32, kStride: i32, vOffset: i32, vStride: i32,
}
@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read> lengths: array<i32>;
@group(0) @binding(4) var<storage, read> output: array<f32>;
@group(0) @binding(5) var<storage, read> gradient: array<f32>;
@group(0) @binding(6) var<storage, read> log_sum: array<f32>;
@group(0) @binding(7) var<storage, read_write> dq: array<f32>;
@group(0) @binding(8) var<storage, read_write> delta: array<f32>;
@group(0) @binding(9) var<uniform> s: Scalars;

const KEYS = 32u;
var<workgroup> query: array<f32, QUERIES * HEAD_SIZE>;
var<workgroup> d_output: array<f32, QUERIES * HEAD_SIZE>;
var<workgroup> sums: array<f32, QUERIES * HEAD_SIZE>;
var<workgroup> d_scores: array<f32, QUERIES * KEYS>;
var<workgroup> deltas: array<f32, QUERIES>;

const LOG2_E = 1.4426950408889634;
// Stands for minus infinity: some drivers fold comparisons with it away.
const LEAST = -3.0e38;

fn sees(query: i32, key: i32, limit: i32) -> bool {
  let place = query + s.keys - s.queries;
  return key >= place - s.behind && key <= place + s.ahead && key < limit;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) ids: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let blocks = (s.queries + i32(QUERIES) - 1) / i32(QUERIES);
  let tile = min(i32(id.y * ids.x + id.x), s.batch * s.heads * blocks - 1);
  let first_query = tile % blocks * i32(QUERIES);
  let head = tile / blocks % s.heads;
  let b = tile / blocks / s.heads;
  let q_base = b * s.queries * s.qStride + s.qOffset + head * i32(HEAD_SIZE);
  let k_base = b * s.keys * s.kStride + s.kOffset + head / s.group * i32(HEAD_SIZE);
  let v_base = b * s.keys * s.vStride + s.vOffset + head / s.group * i32(HEAD_SIZE);
  let rows = (b * s.heads + head) * s.queries;
  var limit = s.keys;
  if (HAS_LENGTHS == 1u) { limit = clamp(lengths[b], 0, s.keys); }

  for (var at = lane; at < QUERIES * HEAD_SIZE; at += 64u) {
    let row = min(first_query + i32(at / HEAD_SIZE), s.queries - 1);
    let d = i32(at % HEAD_SIZE);
    query[at] = q[q_base + row * s.qStride + d];
    d_output[at] = gradient[((b * s.queries + row) * s.heads + head) * i32(HEAD_SIZE) + d];
    sums[at] = 0.0;
  }
  workgroupBarrier();
  if (lane < QUERIES) {
    let row = min(first_query + i32(lane), s.queries - 1);
    let origin = ((b * s.queries + row) * s.heads + head) * i32(HEAD_SIZE);
    var sum = 0.0;
    for (var d = 0u; d < HEAD_SIZE; d++) { sum += d_output[lane * HEAD_SIZE + d] * output[origin + i32(d)]; }
    deltas[lane] = sum;
    if (first_query + i32(lane) < s.queries) { delta[rows + row] = sum; }
  }
  let shift = s.keys - s.queries;
  let first_key = max(0, first_query + shift - s.behind) / i32(KEYS) * i32(KEYS);
  let end_key = min(limit, first_query + i32(QUERIES) + shift + s.ahead);
  for (var key = first_key; key < end_key; key += i32(KEYS)) {
    workgroupBarrier();
    for (var at = lane; at < QUERIES * KEYS; at += 64u) {
      let row = at / KEYS;
      let column = key + i32(at % KEYS);
      var derivative = 0.0;
      if (sees(first_query + i32(row), column, limit) && first_query + i32(row) < s.queries) {
        var score = 0.0;
        var dp = 0.0;
        let k_from = k_base + column * s.kStride;
        let v_from = v_base + column * s.vStride;
        for (var d = 0u; d < HEAD_SIZE; d++) {
          score += query[row * HEAD_SIZE + d] * k[k_from + i32(d)];
          dp += d_output[row * HEAD_SIZE + d] * v[v_from + i32(d)];
        }
        let p = exp2(score * s.scale * LOG2_E - log_sum[rows + first_query + i32(row)]);
        derivative = p * (dp - deltas[row]) * s.scale;
      }
      d_scores[at] = derivative;
    }
    workgroupBarrier();
    let here = min(KEYS, u32(s.keys - key));
    for (var at = lane; at < QUERIES * HEAD_SIZE; at += 64u) {
      let row = at / HEAD_SIZE;
      var sum = sums[at];
      let origin = k_base + key * s.kStride + i32(at % HEAD_SIZE);
      for (var j = 0u; j < here; j++) { sum += d_scores[row * KEYS + j] * k[origin + i32(j) * s.kStride]; }
      sums[at] = sum;
    }
  }
  workgroupBarrier();
  for (var at = lane; at < QUERIES * HEAD_SIZE; at += 64u) {
    let row = first_query + i32(at / HEAD_SIZE);
    if (row < s.queries) { dq[q_base + row * s.qStride + i32(at % HEAD_SIZE)] = sums[at]; }
  }
}
