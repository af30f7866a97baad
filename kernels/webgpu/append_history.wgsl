// Appends the next token of each sequence b to its history: history[b, lengths[b]] ← next[b],
// unless it is full, and lengths[b] += 1. next, lengths: [rows]; history: [rows, capacity].
fn each_thread(row: u32) {
  if (row >= s.rows) { return; }
  let taken = u32(lengths[row]);
  if (taken < s.capacity) { history[row * s.capacity + taken] = next[row]; }
  lengths[row] = i32(taken + 1u);
}
