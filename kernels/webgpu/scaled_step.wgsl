// A step of a batch of matrices: parameter ← decay·parameter − rate·scale·factor[first + i]·update
// for matrix i.
//
// parameter: `batch` matrices of `size` elements, `stride` elements apart; update: [batch,size];
// factors: one for each matrix of a larger batch; hyper: [3] = μ, rate, decay. A thread updates one element in f32.

fn each_thread(i: u32) {
  if (i >= s.batch * s.size) { return; }
  let matrix = i / s.size;
  let at = matrix * s.stride + i % s.size;
  let step = hyper[1] * s.scale * factors[s.first + matrix];
  parameter[at] = hyper[2] * parameter[at] - step * update[i];
}
