// Vectorized (vec4) reads and writes, for rows of a multiple of 4; the alternative is
// operand_scalar.wgsl.
alias Operand = vec4f;
const OPERAND_SIZE = 4u;
fn sum_of(v: Operand) -> f32 { return dot(v, vec4(1.0)); }
