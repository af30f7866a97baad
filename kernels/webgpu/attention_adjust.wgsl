// Attention scores changed before the softmax: with SOFT_CAP to c·tanh(score/c), with ALIBI by
// slope·(key − query), a slope for each head: 2^(−8(h + 1)/n) if h < n = s.alibiHeads, the largest
// power of two up to the number of heads, otherwise 2^(−4(2(h − n) + 1)/n). Scores and distances
// are multiplied by `unit`, log₂ e in all kernels but attention_scores.wgsl.
override SOFT_CAP: u32;
override ALIBI: u32;

fn alibi_slope(head: i32) -> f32 {
  let n = f32(s.alibiHeads);
  let h = f32(head);
  return exp2(select(-8.0 * (h + 1.0), -4.0 * (2.0 * (h - n) + 1.0), h >= n) / n);
}

// The changed score of one key.
fn adjusted(score: f32, distance: i32, head: i32, unit: f32) -> f32 {
  if (SOFT_CAP == 1u) {
    let cap = s.softCap * unit;
    return cap * accurate_tanh(score / cap);
  }
  if (ALIBI == 1u) { return score + alibi_slope(head) * unit * f32(distance); }
  return score;
}

// The changed scores of four pairs of a query and a key.
fn adjusted_vec4(scores: vec4f, distance: vec4i, head: i32, unit: f32) -> vec4f {
  return vec4f(
    adjusted(scores.x, distance.x, head, unit), adjusted(scores.y, distance.y, head, unit),
    adjusted(scores.z, distance.z, head, unit), adjusted(scores.w, distance.w, head, unit),
  );
}
