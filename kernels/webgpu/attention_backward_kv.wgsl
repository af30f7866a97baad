// dK and dV of attention. Buffers as in attention_backward_q.wgsl; dk: as k, dv: as v, or with SEPARATE 0 both in dk. A workgroup computes
// KEYS keys of one key-value head: 32 queries at a time, of each query head of its group in turn; sums are float32, in one order.
override HEAD_SIZE: u32;
override HAS_LENGTHS: u32;
override KEYS: u32;
override SEPARATE: u32;

struct Scalars {
  batch: i32, heads: i32, group: i32, queries: i32, keys: i32, behind: i32, ahead: i32, scale: f32,
  qOffset: i32, qStride: i32, kOffset: i32, kStride: i32, vOffset: i32, vStride: i32,
}
@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read> lengths: array<i32>;
@group(0) @binding(4) var<storage, read> gradient: array<f32>;
@group(0) @binding(5) var<storage, read> log_sum: array<f32>;
@group(0) @binding(6) var<storage, read> delta: array<f32>;
@group(0) @binding(7) var<storage, read_write> dk: array<f32>;
@group(0) @binding(8) var<storage, read_write> dv: array<f32>;
@group(0) @binding(9) var<uniform> s: Scalars;

const QUERIES = 32u;
var<workgroup> key_rows: array<f32, KEYS * HEAD_SIZE>;
var<workgroup> value_rows: array<f32, KEYS * HEAD_SIZE>;
var<workgroup> key_sums: array<f32, KEYS * HEAD_SIZE>;
var<workgroup> value_sums: array<f32, KEYS * HEAD_SIZE>;
var<workgroup> p: array<f32, KEYS * QUERIES>;
var<workgroup> d_scores: array<f32, KEYS * QUERIES>;

const LOG2_E = 1.4426950408889634;
// Stands for minus infinity: some drivers fold comparisons with it away.
const LEAST = -3.0e38;

fn sees(query: i32, key: i32, limit: i32) -> bool {
  let place = query + s.keys - s.queries;
  return key >= place - s.behind && key <= place + s.ahead && key < limit;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) ids: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let blocks = (s.keys + i32(KEYS) - 1) / i32(KEYS);
  let key_heads = s.heads / s.group;
  let tile = min(i32(id.y * ids.x + id.x), s.batch * key_heads * blocks - 1);
  let first_key = tile % blocks * i32(KEYS);
  let key_head = tile / blocks % key_heads;
  let b = tile / blocks / key_heads;
  let k_base = b * s.keys * s.kStride + s.kOffset + key_head * i32(HEAD_SIZE);
  let v_base = b * s.keys * s.vStride + s.vOffset + key_head * i32(HEAD_SIZE);
  var limit = s.keys;
  if (HAS_LENGTHS == 1u) { limit = clamp(lengths[b], 0, s.keys); }

  for (var at = lane; at < KEYS * HEAD_SIZE; at += 64u) {
    let row = min(first_key + i32(at / HEAD_SIZE), s.keys - 1);
    let d = i32(at % HEAD_SIZE);
    key_rows[at] = k[k_base + row * s.kStride + d];
    value_rows[at] = v[v_base + row * s.vStride + d];
    key_sums[at] = 0.0;
    value_sums[at] = 0.0;
  }
  let shift = s.keys - s.queries;
  let first_query = max(0, first_key - shift - s.ahead) / i32(QUERIES) * i32(QUERIES);
  let end_query = min(s.queries, first_key + i32(KEYS) - shift + s.behind);
  for (var member = 0; member < s.group; member++) {
    let head = key_head * s.group + member;
    let q_base = b * s.queries * s.qStride + s.qOffset + head * i32(HEAD_SIZE);
    let rows = (b * s.heads + head) * s.queries;
    for (var start = first_query; start < end_query; start += i32(QUERIES)) {
      workgroupBarrier();
      for (var at = lane; at < KEYS * QUERIES; at += 64u) {
        let j = at / QUERIES;
        let row = start + i32(at % QUERIES);
        var probability = 0.0;
        var derivative = 0.0;
        if (row < s.queries && sees(row, first_key + i32(j), limit)) {
          var score = 0.0;
          var dp = 0.0;
          let q_from = q_base + row * s.qStride;
          let g_from = ((b * s.queries + row) * s.heads + head) * i32(HEAD_SIZE);
          for (var d = 0u; d < HEAD_SIZE; d++) {
            score += key_rows[j * HEAD_SIZE + d] * q[q_from + i32(d)];
            dp += value_rows[j * HEAD_SIZE + d] * gradient[g_from + i32(d)];
          }
          probability = exp2(score * s.scale * LOG2_E - log_sum[rows + row]);
          derivative = probability * (dp - delta[rows + row]) * s.scale;
        }
        p[at] = probability;
        d_scores[at] = derivative;
      }
      workgroupBarrier();
      let here = min(QUERIES, u32(s.queries - start));
      for (var at = lane; at < KEYS * HEAD_SIZE; at += 64u) {
        let j = at / HEAD_SIZE;
        let d = i32(at % HEAD_SIZE);
        var key_sum = key_sums[at];
        var value_sum = value_sums[at];
        for (var i = 0u; i < here; i++) {
          let row = start + i32(i);
          key_sum += d_scores[j * QUERIES + i] * q[q_base + row * s.qStride + d];
          value_sum += p[j * QUERIES + i] * gradient[((b * s.queries + row) * s.heads + head) * i32(HEAD_SIZE) + d];
        }
        key_sums[at] = key_sum;
        value_sums[at] = value_sum;
      }
    }
  }
  workgroupBarrier();
  for (var at = lane; at < KEYS * HEAD_SIZE; at += 64u) {
    let row = first_key + i32(at / HEAD_SIZE);
    if (row < s.keys) {
      let d = i32(at % HEAD_SIZE);
      dk[k_base + row * s.kStride + d] = key_sums[at];
      let to = v_base + row * s.vStride + d;
      if (SEPARATE == 1u) { dv[to] = value_sums[at]; } else { dk[to] = value_sums[at]; }
    }
  }
}
