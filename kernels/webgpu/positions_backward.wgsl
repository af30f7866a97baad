// table[t] = Σ of dy[b, t] over the batch, 0 in places beyond the sequence. table: [places, width];
// dy: [count, width], count = B·time. A thread computes one element, summed in f32.

fn each_thread(i: u32) {
  if (i >= s.places * s.width) { return; }
  let place = i / s.width;
  let column = i % s.width;
  var sum = 0.0;
  if (place < s.time) {
    for (var row = place; row < s.count; row += s.time) { sum += dy[row * s.width + column]; }
  }
  table[i] = sum;
}
