// A weight of a matrix in BITS = 16, 8 or 4 bits, whose rows of `width` weights are blocks as
// quantized_linear.wgsl has them: the words of the matrix are `w`.
override GROUP: u32;
override BITS: u32;

fn weight(row: u32, column: u32, width: u32) -> f32 {
  let index = row * ((width + GROUP - 1u) / GROUP) + column / GROUP;
  let j = column % GROUP;
  if (BITS == 16u) { return from_half(w[4u * index + j % 4u], j / 4u); }
  let block = index * (GROUP * BITS / 32u + 1u);
  var integer: i32;
  if (BITS == 8u) {
    integer = extractBits(w[block + 1u + j / 4u], j % 4u * 8u, 8u);
  } else {
    let word = w[block + 1u + j / 32u * 4u + j % 16u / 4u];
    integer = extractBits(word, j % 4u * 8u + j % 32u / 16u * 4u, 4u);
  }
  return bitcast<f32>(w[block]) * f32(integer);
}
