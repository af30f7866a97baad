// The slices of matmul_slices.wgsl in full precision.
alias Tile = vec4<f32>;

fn narrow_a(values: vec4<f32>) -> Tile { return values; }
fn narrow_b(values: vec4<f32>) -> Tile { return values; }
fn widen(sum: mat4x4<f32>) -> mat4x4<f32> { return sum; }
