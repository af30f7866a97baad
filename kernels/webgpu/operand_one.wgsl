// One number at a time: put in front of kernels that can also read and write four
// (operand_four.wgsl).
alias Operand = f32;
const OPERAND_SIZE = 1u;
fn sum_of(v: Operand) -> f32 { return v; }
