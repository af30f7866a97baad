// The slices of matmul_slices.wgsl in half precision: op(A)·SCALE_A and op(B)·SCALE_B are rounded
// to 11 bits, products and sums stay in f32. The scales are powers of 2 that lift small gradients
// into f16's range, 6e-5 to 65504, and are divided out of the result.
alias Tile = vec4h;
override SCALE_A: f32;
override SCALE_B: f32;

fn narrow_a(values: vec4f) -> Tile { return Tile(values * SCALE_A); }
fn narrow_b(values: vec4f) -> Tile { return Tile(values * SCALE_B); }
fn widen(sum: mat4x4f) -> mat4x4f { return sum * (1.0 / (SCALE_A * SCALE_B)); }
