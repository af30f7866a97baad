// softmax(scale·Q·Kᵀ)·V for each head, without the matrix of scores. q, k, v: rows of D = HEAD_SIZE at offsets and strides; lengths: [B];
// output: [B, Tq, H·D]; logSum: [B, H, Tq], log₂ of the sum of 2^(score·log₂ e). A workgroup computes QUERIES queries of one head: 32 keys
// at a time through workgroup memory, with a running maximum and sum (float32).
override HEAD_SIZE: u32;
override HAS_LENGTHS: u32;
override QUERIES: u32;

struct Scalars {
  batch: i32, heads: i32, group: i32, queries: i32, keys: i32, behind: i32, ahead: i32, scale: f32,
  qOffset: i32, qStride: i32, kOffset: i32, kStride: i32, vOffset: i32, vStride: i32, tiles: i32, chunks: i32,
}
@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read> lengths: array<i32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;
@group(0) @binding(5) var<storage, read_write> log_sum: array<f32>;
@group(0) @binding(6) var<uniform> s: Scalars;

const KEYS = 32u;
var<workgroup> query: array<f32, QUERIES * HEAD_SIZE>;
var<workgroup> sums: array<f32, QUERIES * HEAD_SIZE>;
var<workgroup> scores: array<f32, QUERIES * KEYS>;
var<workgroup> largest: array<f32, QUERIES>;
var<workgroup> total: array<f32, QUERIES>;
var<workgroup> shrink: array<f32, QUERIES>;

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
  var limit = s.keys;
  if (HAS_LENGTHS == 1u) { limit = clamp(lengths[b], 0, s.keys); }

  for (var at = lane; at < QUERIES * HEAD_SIZE; at += 64u) {
    let row = min(first_query + i32(at / HEAD_SIZE), s.queries - 1);
    query[at] = q[q_base + row * s.qStride + i32(at % HEAD_SIZE)];
    sums[at] = 0.0;
  }
  if (lane < QUERIES) {
    largest[lane] = LEAST;
    total[lane] = 0.0;
  }
  let shift = s.keys - s.queries;
  let first_key = max(0, first_query + shift - s.behind) / i32(KEYS) * i32(KEYS);
  let end_key = min(limit, first_query + i32(QUERIES) + shift + s.ahead);
  for (var key = first_key; key < end_key; key += i32(KEYS)) {
    workgroupBarrier();
    for (var at = lane; at < QUERIES * KEYS; at += 64u) {
      let row = at / KEYS;
      let column = key + i32(at % KEYS);
      var score = LEAST;
      if (sees(first_query + i32(row), column, limit)) {
        var sum = 0.0;
        let origin = k_base + column * s.kStride;
        for (var d = 0u; d < HEAD_SIZE; d++) { sum += query[row * HEAD_SIZE + d] * k[origin + i32(d)]; }
        score = sum * s.scale * LOG2_E;
      }
      scores[at] = score;
    }
    workgroupBarrier();
    if (lane < QUERIES) {
      var most = largest[lane];
      for (var j = 0u; j < KEYS; j++) { most = max(most, scores[lane * KEYS + j]); }
      var sum = 0.0;
      for (var j = 0u; j < KEYS; j++) {
        let score = scores[lane * KEYS + j];
        let p = select(0.0, exp2(score - most), score > LEAST);
        scores[lane * KEYS + j] = p;
        sum += p;
      }
      shrink[lane] = exp2(max(largest[lane] - most, -200.0));
      total[lane] = total[lane] * shrink[lane] + sum;
      largest[lane] = most;
    }
    workgroupBarrier();
    let here = min(KEYS, u32(s.keys - key));
    for (var at = lane; at < QUERIES * HEAD_SIZE; at += 64u) {
      let row = at / HEAD_SIZE;
      var sum = sums[at] * shrink[row];
      let origin = v_base + key * s.vStride + i32(at % HEAD_SIZE);
      for (var j = 0u; j < here; j++) { sum += scores[row * KEYS + j] * v[origin + i32(j) * s.vStride]; }
      sums[at] = sum;
    }
  }
  workgroupBarrier();
  for (var at = lane; at < QUERIES * HEAD_SIZE; at += 64u) {
    let row = first_query + i32(at / HEAD_SIZE);
    if (row < s.queries) {
      let to = ((b * s.queries + row) * s.heads + head) * i32(HEAD_SIZE) + i32(at % HEAD_SIZE);
      let sum = total[at / HEAD_SIZE];
      output[to] = select(0.0, sums[at] / sum, sum > 0.0);
    }
  }
  let row = first_query + i32(lane);
  if (lane < QUERIES && row < s.queries) {
    let sum = total[lane];
    log_sum[(b * s.heads + head) * s.queries + row] = select(0.0, largest[lane] + log2(sum), sum > 0.0);
  }
}
