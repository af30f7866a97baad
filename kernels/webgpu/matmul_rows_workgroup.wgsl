// The sum over four neighboring threads for matmul_rows_vec4.wgsl, by workgroup memory: each of
// them receives it.
var<workgroup> parts: array<vec4f, 256>;

fn sum_of_four(own: vec4f, lane: u32) -> vec4f {
  parts[lane] = own;
  workgroupBarrier();
  let first = lane / 4u * 4u;
  return (parts[first] + parts[first + 1u]) + (parts[first + 2u] + parts[first + 3u]);
}
