// scores[b,h,i,j] = scale·q[b,i,h]·k[b,j,h/group], changed as in attention_adjust.wgsl, if the
// query sees the key, otherwise −∞. q, k and the mask as in attention.wgsl; maskWords: the lengths
// [B]; scores: [B,H,Tq,Tk]. A thread computes one score, summed in f32.
override HEAD_SIZE: u32;
override HAS_LENGTHS: u32;

fn each_thread(thread: u32) {
  let index = i32(thread);
  if (index >= s.batch * s.heads * s.queries * s.keys) { return; }
  let j = index % s.keys;
  let i = index / s.keys % s.queries;
  let head = index / s.keys / s.queries % s.heads;
  let batch = index / s.keys / s.queries / s.heads;
  var limit = s.keys;
  if (HAS_LENGTHS == 1u) { limit = min(limit, maskWords[batch]); }
  let position = i + s.keys - s.queries;
  if (j < position - s.behind || j > position + s.ahead || j >= limit) {
    var bits = 0xff800000u;
    scores[index] = bitcast<f32>(bits);
    return;
  }
  let D = i32(HEAD_SIZE);
  let query = s.qOffset + (batch * s.queries + i) * s.qStride + head * D;
  let key = s.kOffset + (batch * s.keys + j) * s.kStride + head / s.group * D;
  var sum = 0.0;
  for (var d = 0; d < D; d++) { sum += q[query + d] * k[key + d]; }
  scores[index] = adjusted(s.scale * sum, j - position, head, 1.0);
}
