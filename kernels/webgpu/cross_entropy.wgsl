// Row i of logits [rows, V]: logSum = ln Σ exp(logits), loss = logSum − logits[target], or 0 where
// the target is ignored or out of range. A workgroup computes 256/LANES rows with LANES threads
// each. After log_sum_exp.wgsl.
struct Scalars { rows: u32, width: u32, ignore: i32 }
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<i32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;
@group(0) @binding(3) var<storage, read_write> log_sum: array<f32>;
@group(0) @binding(4) var<uniform> s: Scalars;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = (group.y * groups.x + group.x) * (256u / LANES) + thread / LANES;
  let base = min(row, s.rows - 1u) * s.width;
  let total = log_sum_exp(base, s.width, thread);
  if (thread % LANES == 0u && row < s.rows) {
    let target_id = targets[row];
    log_sum[row] = total;
    if (target_id == s.ignore || u32(target_id) >= s.width) { loss[row] = 0.0; }
    else { loss[row] = total - logits[base + u32(target_id)]; }
  }
}
