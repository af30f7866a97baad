// For each sequence b: token[b] ← next[b], output[state[1] mod length, b] ← next[b], position[b] +=
// tokens; at the end state[1] += 1. next, token, position: [rows]; state: [2]; output: [length,
// rows]. With HISTORY, history[b, lengths[b]] ← next[b] and lengths[b] += 1; history: [rows,
// capacity]. With SCORES, scores[state[1] mod length, b] ← −loss[b]. One workgroup, a thread takes
// every 64th sequence.
override HISTORY: u32;
override SCORES: u32;

struct Scalars { length: u32, tokens: u32, rows: u32, capacity: u32 }
@group(0) @binding(0) var<storage, read> next: array<i32>;
@group(0) @binding(1) var<storage, read> loss: array<f32>;
@group(0) @binding(2) var<storage, read_write> token: array<i32>;
@group(0) @binding(3) var<storage, read_write> position: array<i32>;
@group(0) @binding(4) var<storage, read_write> state: array<i32>;
@group(0) @binding(5) var<storage, read_write> output: array<i32>;
@group(0) @binding(6) var<storage, read_write> history: array<i32>;
@group(0) @binding(7) var<storage, read_write> lengths: array<i32>;
@group(0) @binding(8) var<storage, read_write> scores: array<f32>;
@group(0) @binding(9) var<uniform> s: Scalars;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  let slot = u32(state[1]) % s.length * s.rows;
  for (var row = lane; row < s.rows; row += 64u) {
    token[row] = next[row];
    output[slot + row] = next[row];
    position[row] += i32(s.tokens);
    if (HISTORY == 1u) {
      let taken = u32(lengths[row]);
      if (taken < s.capacity) { history[row * s.capacity + taken] = next[row]; }
      lengths[row] = i32(taken + 1u);
    }
    if (SCORES == 1u) { scores[slot + row] = -loss[row]; }
  }
  storageBarrier();
  if (lane == 0u) { state[1] += 1; }
}
