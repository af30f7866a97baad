// Combines the partial results of attention_decode.wgsl (flash decoding): output[b,h] = Σₚ 2^(mₚ −
// m)·sumsₚ / Σₚ 2^(mₚ − m)·lₚ, m the largest mₚ. partial: [B,H,parts,D+2], the sums over values,
// the maximum m and the sum l of each part; output: [B,1,H·D]. A thread computes one element in
// f32.
override HEAD_SIZE: u32;

fn each_thread(i: u32) {
  if (i >= s.rows * HEAD_SIZE) { return; }
  let pitch = HEAD_SIZE + 2u;
  let first = i / HEAD_SIZE * s.parts * pitch;
  var largest = -1e30;
  for (var part = 0u; part < s.parts; part++) {
    largest = max(largest, partial[first + part * pitch + HEAD_SIZE]);
  }
  var value = 0.0;
  var total = 0.0;
  for (var part = 0u; part < s.parts; part++) {
    let at = first + part * pitch;
    let weight = exp2(partial[at + HEAD_SIZE] - largest);
    value += weight * partial[at + i % HEAD_SIZE];
    total += weight * partial[at + HEAD_SIZE + 1u];
  }
  output[i] = value / total;
}
