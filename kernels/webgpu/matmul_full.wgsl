// The slices of matmul_slices.wgsl in full precision.
alias Tile = vec4f;

fn narrow_a(values: vec4f) -> Tile { return values; }
fn narrow_b(values: vec4f) -> Tile { return values; }
fn widen(sum: mat4x4f) -> mat4x4f { return sum; }
