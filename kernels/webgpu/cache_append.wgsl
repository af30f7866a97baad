// keys[b, h, position + t] and values[b, h, position + t] ← head h's columns of packed[b, t], which
// start at `offset` with the keys; tokens beyond the cache are omitted. packed: [B, time, stride];
// keys, values: [B, heads, length, headSize]; position: [1], or [B] with PER_ROW. A thread copies
// one element of each.
override PER_ROW: u32;

fn each_thread(i: u32) {
  let width = s.heads * s.headSize;
  if (i >= s.rows * width) { return; }
  let row = i / width;
  let column = i % width;
  let place = u32(position[select(0u, row / s.time, PER_ROW == 1u)]) + row % s.time;
  if (place >= s.length) { return; }
  let origin = row * s.stride + s.offset + column;
  let head = row / s.time * s.heads + column / s.headSize;
  let to = (head * s.length + place) * s.headSize + column % s.headSize;
  keys[to] = packed[origin];
  values[to] = packed[origin + width];
}
