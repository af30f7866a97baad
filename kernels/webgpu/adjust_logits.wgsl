// adjusted = logits after three rules, in this order: the logits of tokens in the history are
// divided by the penalty if positive and multiplied by it if negative; each token that would repeat
// an n-gram of the history gets −∞; the end tokens get −∞ until `min` tokens are sampled.
//
// logits, adjusted: [rows, width]; history: [rows, capacity], of which lengths[b] tokens are set in
// row b; penalty: [1]; rules: [2] = [n, min]; state: [2], the second is the number of tokens
// sampled; ends: [endCount]. A workgroup computes one row.

// −∞, written as bits: a shader compiler may assume that floats are finite.
const FORBIDDEN = 0xff800000u;

fn each_workgroup(row: u32, lane: u32) {
  if (row >= s.rows) { return; }
  let base = row * s.width;
  let first = row * s.capacity;
  let length = min(u32(lengths[row]), s.capacity);
  for (var i = lane; i < s.width; i += 256u) {
    adjusted[base + i] = bitcast<u32>(logits[base + i]);
  }
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
      let last = first + length - known;
      var equal = 0u;
      while (equal < known && history[first + i + equal] == history[last + equal]) { equal++; }
      if (equal == known) { adjusted[base + u32(history[first + i + known])] = FORBIDDEN; }
    }
  }
  if (state[1] < rules[1]) {
    for (var i = lane; i < s.endCount; i += 256u) { adjusted[base + u32(ends[i])] = FORBIDDEN; }
  }
}
