// Stores the next token of each sequence b: token[b] ← next[b], output[state[1] mod length, b] ←
// next[b], position[b] += tokens; then state[1] += 1. With RULES, if adjusted[b, next[b]] is −∞,
// because the rules forbid every token, output gets −1 instead; with SCORES, scores[state[1] mod
// length, b] ← −loss[b].
//
// next, loss, token, position: [rows]; state: [2]; output, scores: [length, rows]; adjusted:
// [rows, width]. One workgroup, whose threads take every 256th sequence.
override RULES: u32;
override SCORES: u32;

// −∞, written as bits: a shader compiler may assume that floats are finite.
const FORBIDDEN = 0xff800000u;

fn each_workgroup(group: u32, lane: u32) {
  let slot = u32(state[1]) % s.length * s.rows;
  for (var row = lane; row < s.rows; row += 256u) {
    token[row] = next[row];
    output[slot + row] = next[row];
    position[row] += i32(s.tokens);
    if (RULES == 1u && adjusted[row * s.width + u32(next[row])] == FORBIDDEN) {
      output[slot + row] = -1;
    }
    if (SCORES == 1u) { scores[slot + row] = -loss[row]; }
  }
  storageBarrier();
  if (lane == 0u) { state[1] += 1; }
}
