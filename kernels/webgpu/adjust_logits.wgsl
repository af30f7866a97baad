// adjusted = logits with, in this order: the logits of tokens in the history divided by the penalty
// where positive and multiplied by it where negative; −∞ for each token that would repeat a run of
// n tokens of the history; −∞ for the end tokens while fewer than `least` are sampled. logits,
// adjusted: [rows, width]; history: [rows, capacity], lengths[b] of them there; rules: [n, least];
// state: the second is the tokens sampled; ends: [endCount]. A workgroup computes one row.

// −∞, written as bits: a shader may take infinite floats for impossible.
const FORBIDDEN = 0xff800000u;

fn each_workgroup(row: u32, lane: u32) {
  if (row >= s.rows) { return; }
  let base = row * s.width;
  let first = row * s.capacity;
  let length = min(u32(lengths[row]), s.capacity);
  for (var i = lane; i < s.width; i += 256u) { adjusted[base + i] = bitcast<u32>(logits[base + i]); }
  storageBarrier();
  if (penalty[0] != 1.0) {
    for (var i = lane; i < length; i += 256u) {
      let at = base + u32(history[first + i]);
      let x = logits[at];
      adjusted[at] = bitcast<u32>(select(x / penalty[0], x * penalty[0], x < 0.0));
    }
  }
  storageBarrier();
  if (rules[0] > 0) {
    let known = u32(rules[0]) - 1u;
    for (var i = lane; i + known < length; i += 256u) {
      var equal = 0u;
      while (equal < known && history[first + i + equal] == history[first + length - known + equal]) { equal++; }
      if (equal == known) { adjusted[base + u32(history[first + i + known])] = FORBIDDEN; }
    }
  }
  if (state[1] < rules[1]) {
    for (var i = lane; i < s.endCount; i += 256u) { adjusted[base + u32(ends[i])] = FORBIDDEN; }
  }
}
