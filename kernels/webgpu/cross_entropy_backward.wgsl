// logits ← (softmax(logits) − onehot(target))·gradient·scale, 0 in ignored rows. logits: [rows, V].
// A thread computes one element.
struct Scalars { rows: u32, width: u32, ignore: i32 }
@group(0) @binding(0) var<storage, read> targets: array<i32>;
@group(0) @binding(1) var<storage, read> log_sum: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> scale: array<f32>;
@group(0) @binding(4) var<storage, read_write> logits: array<f32>;
@group(0) @binding(5) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= s.rows * s.width) { return; }
  let row = i / s.width;
  let column = i % s.width;
  let target_id = targets[row];
  if (target_id == s.ignore || u32(target_id) >= s.width) {
    logits[i] = 0.0;
    return;
  }
  let probability = exp(logits[i] - log_sum[row]);
  let wanted = select(0.0, 1.0, column == u32(target_id));
  logits[i] = (probability - wanted) * gradient[0] * scale[0];
}
