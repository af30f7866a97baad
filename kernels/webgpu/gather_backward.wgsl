// dx[r, indices[r,j]] += dy[r,j], in the order of j. dx: [rows, width]; indices: [rows, picks],
// clamped into the row; dy: [rows, picks]. A thread has one index; the first of the equal ones in a
// row adds for all of them in f32, so no two threads write one element.

fn index_at(i: u32) -> u32 {
  return u32(clamp(indices[i], 0, i32(s.width) - 1));
}

fn each_thread(i: u32) {
  if (i >= s.rows * s.picks) { return; }
  let row = i / s.picks;
  let index = index_at(i);
  for (var other = row * s.picks; other < i; other++) {
    if (index_at(other) == index) { return; }
  }
  let place = row * s.width + index;
  var sum = dx[place] + dy[i];
  for (var other = i + 1u; other < (row + 1u) * s.picks; other++) {
    if (index_at(other) == index) { sum += dy[other]; }
  }
  dx[place] = sum;
}
