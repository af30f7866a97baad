// y = x, word by word. x, y: [count]. A thread copies one word.

fn each_thread(i: u32) {
  if (i < s.count) { y[i] = x[i]; }
}
