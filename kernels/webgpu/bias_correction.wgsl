// AdamW's corrections of its means for the updates that were made, if some steps were skipped:
// hyper[0] ← hyper[0]·c₁(t)/c₁(n), hyper[1] ← √c₂(n) with cᵢ(n) = 1 − βᵢⁿ and n = t − skipped.
// hyper: [4] = rate/c₁(t), √c₂(t), a number that stays, t; state: [3], of which the last is the
// number of skipped steps. The first thread does it.

// 1 − βⁿ by the bits of n: c(2k) = c(k)·(2 − c(k)) and c(k + 1) = βc(k) + rest lose no digits.
fn correction(beta: f32, rest: f32, n: u32) -> f32 {
  var c = 0.0;
  for (var bit = 0x800000u; bit > 0u; bit >>= 1u) {
    c *= 2.0 - c;
    if ((n & bit) != 0u) { c = beta * c + rest; }
  }
  return c;
}

fn each_thread(i: u32) {
  if (i > 0u || state[2] == 0.0) { return; }
  let step = u32(hyper[3]);
  let made = step - u32(state[2]);
  hyper[0] *= correction(s.beta1, s.rest1, step) / correction(s.beta1, s.rest1, made);
  hyper[1] = sqrt(correction(s.beta2, s.rest2, made));
}
