// output[b, h] = softmax(scale · q·Kᵀ)·V over the last `window` places up to position, the new token's.
// packed: [B, stride], queries first; keys, values: [B, length, width]; position: [1]; output: [B, heads·size]. A workgroup computes one head of
// one sequence: 64 threads share the places in blocks of 64, with a running maximum; thread d then sums columns d, d + 64, … (size ≤ 256).
struct Scalars {
  batch: u32, heads: u32, group: u32, size: u32, stride: u32, width: u32, length: u32, window: u32, scale: f32,
}
@group(0) @binding(0) var<storage, read> packed: array<f32>;
@group(0) @binding(1) var<storage, read> keys: array<f32>;
@group(0) @binding(2) var<storage, read> values: array<f32>;
@group(0) @binding(3) var<storage, read> position: array<i32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;
@group(0) @binding(5) var<uniform> s: Scalars;

var<workgroup> scores: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) ids: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let chunk = id.y * ids.x + id.x;
  let b = min(chunk / s.heads, s.batch - 1u);
  let h = chunk % s.heads;
  let place = min(u32(position[0]), s.length - 1u);
  let count = min(place + 1u, s.window);
  let q = b * s.stride + h * s.size;
  let start = (b * s.length + place + 1u - count) * s.width + h / s.group * s.size;
  var largest = -3.4e38;
  var total = 0.0;
  var sums = vec4<f32>();
  for (var first = 0u; first < count; first += 64u) {
    let here = min(64u, count - first);
    if (lane < here) {
      let key = start + (first + lane) * s.width;
      var score = 0.0;
      for (var i = 0u; i < s.size; i++) { score += packed[q + i] * keys[key + i]; }
      scores[lane] = score * s.scale;
    }
    workgroupBarrier();
    var most = largest;
    for (var i = 0u; i < here; i++) { most = max(most, scores[i]); }
    let shrink = exp(largest - most);
    largest = most;
    total *= shrink;
    sums *= shrink;
    for (var i = 0u; i < here; i++) {
      let p = exp(scores[i] - most);
      total += p;
      let value = start + (first + i) * s.width + lane;
      for (var j = 0u; j < 4u; j++) {
        if (lane + 64u * j < s.size) { sums[j] += p * values[value + 64u * j]; }
      }
    }
    workgroupBarrier();
  }
  for (var j = 0u; j < 4u; j++) {
    let column = lane + 64u * j;
    if (column < s.size && chunk < s.batch * s.heads) {
      output[chunk * s.size + column] = sums[j] / total;
    }
  }
}
