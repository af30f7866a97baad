// The number in the low half (0) or the high half (1) of a word: bf16 or, with F16, f16. Exact: the
// subnormal numbers of f16 are normal ones of f32.
override F16: u32;

fn from_half(word: i32, half: u32) -> f32 {
  let bits = extractBits(bitcast<u32>(word), 16u * half, 16u);
  if (F16 == 0u) { return bitcast<f32>(bits << 16u); }
  let size = bits & 0x7fffu;
  let normal = bitcast<f32>((size << 13u) + 0x38000000u);
  let value = select(normal, f32(size) * 0x1p-24, size < 0x400u);
  return select(value, -value, bits > size);
}
