// ring[counter mod length] = (loss, norm), counter += 1. loss, norm, counter: [1]; ring: [length,
// 2]. One thread.
struct Scalars { length: u32 }
@group(0) @binding(0) var<storage, read> loss: array<f32>;
@group(0) @binding(1) var<storage, read> norm: array<f32>;
@group(0) @binding(2) var<storage, read_write> counter: array<u32>;
@group(0) @binding(3) var<storage, read_write> ring: array<f32>;
@group(0) @binding(4) var<uniform> s: Scalars;

@compute @workgroup_size(1)
fn main() {
  let row = 2u * (counter[0] % s.length);
  ring[row] = loss[0];
  ring[row + 1u] = norm[0];
  counter[0] += 1u;
}
