// Attention of one new token to the cache: softmax(scale·q·Kᵀ)·V over cache positions position −
// window + 1 … position, the new token's.
//
// packed: [B,1,stride], queries first; keys, values: [B,H / group,length,D]; position: [1], or [B]
// with PER_ROW. The cache is split into `parts` of `partLength` positions (flash decoding). With
// WHOLE there is one part, and output: [B,1,H·D] is the result; otherwise partial: [B,H,parts,D+2]
// receives each part's sum over values, its maximum score and its sum of 2^(score − maximum), for
// attention_combine.wgsl. A workgroup of 64 threads computes one part of a head by online softmax,
// 64 positions at a time: eight threads share a key, then each thread takes up to four columns (D ≤
// 256). Sums in f32.
override HEAD_SIZE: u32;
override WHOLE: u32;
override PER_ROW: u32;

const LOG2_E = 1.4426950408889634;
// The largest score before there is one: finite, so that differences stay numbers.
const LOWEST = -1e30;
var<workgroup> query: array<f32, 256>;
// Eight parts of each key's product, then a weight for each.
var<workgroup> shares: array<f32, 512>;
var<workgroup> weights: array<f32, 64>;

fn each_workgroup(index: u32, lane: u32) {
  if (index >= s.batch * s.heads * s.parts) { return; }
  let part = index % s.parts;
  let head = index / s.parts % s.heads;
  let batch = index / s.parts / s.heads;
  let end = min(u32(position[select(0u, batch, PER_ROW == 1u)]), s.length - 1u) + 1u;
  let start = max(part * s.partLength, end - min(end, s.window));
  let stop = min((part + 1u) * s.partLength, end);
  let origin = (batch * (s.heads / s.group) + head / s.group) * s.length;
  for (var d = lane; d < HEAD_SIZE; d += 64u) {
    query[d] = packed[batch * s.stride + head * HEAD_SIZE + d] * (s.scale * LOG2_E);
  }
  workgroupBarrier();
  var largest = LOWEST;
  var total = 0.0;
  var sums = vec4f();
  for (var first = start; first < stop; first += 64u) {
    let here = min(64u, stop - first);
    for (var n = lane / 8u; n < here; n += 8u) {
      let key = (origin + first + n) * HEAD_SIZE;
      var share = 0.0;
      for (var d = lane % 8u; d < HEAD_SIZE; d += 8u) { share += query[d] * keys[key + d]; }
      shares[n * 8u + lane % 8u] = share;
    }
    workgroupBarrier();
    var score = LOWEST;
    if (lane < here) {
      score = 0.0;
      for (var n = 0u; n < 8u; n++) { score += shares[lane * 8u + n]; }
      let distance = i32(first + lane) - i32(end - 1u);
      score = adjusted(score, distance, i32(head), LOG2_E);
    }
    weights[lane] = score;
    workgroupBarrier();
    var most = largest;
    for (var n = 0u; n < here; n++) { most = max(most, weights[n]); }
    workgroupBarrier();
    weights[lane] = select(0.0, exp2(score - most), lane < here);
    workgroupBarrier();
    let shrink = exp2(largest - most);
    largest = most;
    total *= shrink;
    sums *= shrink;
    for (var n = 0u; n < here; n++) {
      let p = weights[n];
      total += p;
      let value = (origin + first + n) * HEAD_SIZE + lane;
      sums.x += p * values[value];
      if (HEAD_SIZE > 64u) { sums.y += p * values[value + 64u]; }
      if (HEAD_SIZE > 128u) { sums.z += p * values[value + 128u]; }
      if (HEAD_SIZE > 192u) { sums.w += p * values[value + 192u]; }
    }
    workgroupBarrier();
  }
  for (var n = 0u; n < 4u; n++) {
    let column = lane + 64u * n;
    if (column < HEAD_SIZE) {
      if (WHOLE == 1u) { output[index * HEAD_SIZE + column] = sums[n] / total; }
      else { partial[index * (HEAD_SIZE + 2u) + column] = sums[n]; }
    }
  }
  if (WHOLE == 0u && lane == 0u) {
    partial[index * (HEAD_SIZE + 2u) + HEAD_SIZE] = largest;
    partial[index * (HEAD_SIZE + 2u) + HEAD_SIZE + 1u] = total;
  }
}
