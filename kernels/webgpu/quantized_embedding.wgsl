// y[i] = table[ids[i]] with the table in BITS = 16, 8 or 4 bits, in blocks as quantized_linear.wgsl
// has them, whole ones. ids: [count], clamped into the table; y: [count, width]. A thread computes
// one element.
override GROUP: u32;
override BITS: u32;

fn each_thread(i: u32) {
  if (i >= s.count * s.width) { return; }
  let id = u32(clamp(ids[i / s.width], 0, i32(s.rows) - 1));
  let column = i % s.width;
  let j = column % GROUP;
  if (BITS == 16u) {
    y[i] = from_half(table[(id * s.width + column - j) / 2u + j % 4u], j / 4u);
    return;
  }
  let words = GROUP * BITS / 32u + 1u;
  let block = (id * (s.width / GROUP) + column / GROUP) * words;
  var integer: i32;
  if (BITS == 8u) {
    integer = extractBits(table[block + 1u + j / 4u], j % 4u * 8u, 8u);
  } else {
    let word = table[block + 1u + j / 32u * 4u + j % 16u / 4u];
    integer = extractBits(word, j % 4u * 8u + j % 32u / 16u * 4u, 4u);
  }
  y[i] = bitcast<f32>(table[block]) * f32(integer);
}
