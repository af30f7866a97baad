// C[b] ← α·C[b] + β·D[b] + γ·I. c, d: `batch` matrices [m,m]. A thread updates one element in f32.

fn each_thread(i: u32) {
  if (i >= s.batch * s.m * s.m) { return; }
  let row = i / s.m % s.m;
  c[i] = fma(s.alpha, c[i], fma(s.beta, d[i], select(0.0, s.gamma, i % s.m == row)));
}
