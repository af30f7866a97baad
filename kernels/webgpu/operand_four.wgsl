// Four numbers at a time, where rows have a multiple of 4: put in front of kernels that can also
// read and write one (operand_one.wgsl).
alias Operand = vec4<f32>;
const OPERAND_SIZE = 4u;
fn sum_of(v: Operand) -> f32 { return dot(v, vec4(1.0)); }
