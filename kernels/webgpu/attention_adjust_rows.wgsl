// attention_adjust.wgsl for the attention kernels on tiles: four rows of scores times log₂ e.

// The changed scores of four rows: `distance` is that of the first, `step` from row to row.
fn adjusted_rows(scores: mat4x4f, distance: vec4i, step: i32, head: i32) -> mat4x4f {
  if (SOFT_CAP == 0u && ALIBI == 0u) { return scores; }
  return mat4x4f(
    adjusted_vec4(scores[0], distance, head, LOG2_E),
    adjusted_vec4(scores[1], distance + step, head, LOG2_E),
    adjusted_vec4(scores[2], distance + 2 * step, head, LOG2_E),
    adjusted_vec4(scores[3], distance + 3 * step, head, LOG2_E),
  );
}

// Gradients of scores times the soft-cap's slope at the changed scores, 1 − (score/c)².
fn before_cap(gradients: vec4f, scores: vec4f) -> vec4f {
  if (SOFT_CAP == 0u) { return gradients; }
  let share = scores / (s.softCap * LOG2_E);
  return gradients * (1.0 - share * share);
}
