// Unsigned integers in the order of floats; −0 counts as 0.

fn key_of_bits(bits: u32) -> u32 {
  if (bits == 0x80000000u) { return 0x80000000u; }
  return bits ^ select(0x80000000u, 0xffffffffu, (bits >> 31u) == 1u);
}

fn key_of(x: f32) -> u32 {
  return key_of_bits(bitcast<u32>(x));
}

fn float_of(key: u32) -> f32 {
  return bitcast<f32>(key ^ select(0xffffffffu, 0x80000000u, (key >> 31u) == 1u));
}
