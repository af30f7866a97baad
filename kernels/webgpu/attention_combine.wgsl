// Puts the parts of attention_decode.wgsl together: output[b,h] = Σ 2^(mₚ − m)·sumsₚ / Σ 2^(mₚ −
// m)·lₚ, m the largest mₚ. partial: [B,H,parts,D+2], each part's sums over values, largest score m
// and sum l; output: [B,1,H·D]. A thread computes one element.
override HEAD_SIZE: u32;

struct Scalars { rows: u32, parts: u32 }
@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(0) @binding(2) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= s.rows * HEAD_SIZE) { return; }
  let pitch = HEAD_SIZE + 2u;
  let first = i / HEAD_SIZE * s.parts * pitch;
  var largest = -1e30;
  for (var part = 0u; part < s.parts; part++) { largest = max(largest, partial[first + part * pitch + HEAD_SIZE]); }
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
