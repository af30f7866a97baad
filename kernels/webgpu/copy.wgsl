// y = x, word by word. x, y: [count], any 32-bit type. A thread copies one word.

fn each_thread(i: u32) {
  if (i < s.count) { y[i] = x[i]; }
}
