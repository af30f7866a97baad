// Reads and writes of one number at a time; the alternative is operand_vec4.wgsl.
alias Operand = f32;
const OPERAND_SIZE = 1u;
fn sum_of(v: Operand) -> f32 { return v; }
