// Gram matrices of vectors of norm 1 instead of their own: with t = max(trace X, ε²), Y = X/t and
// factor = 1/√t. x, y: [batch,m,m], factors: [batch]. A workgroup computes one matrix; the trace is
// summed in f32, in a tree over the threads.
var<workgroup> traces: array<f32, 256>;

fn each_workgroup(matrix: u32, thread: u32) {
  let size = s.m * s.m;
  let start = matrix * size;
  let inside = matrix < s.batch;
  var trace = 0.0;
  for (var i = thread; i < select(0u, s.m, inside); i += 256u) {
    trace += x[start + i * (s.m + 1u)];
  }
  traces[thread] = trace;
  workgroupBarrier();
  for (var half = 128u; half > 0u; half /= 2u) {
    if (thread < half) { traces[thread] += traces[thread + half]; }
    workgroupBarrier();
  }
  let total = max(traces[0], s.epsilon * s.epsilon);
  if (inside && thread == 0u) { factors[matrix] = 1.0 / sqrt(total); }
  for (var i = thread; i < select(0u, size, inside); i += 256u) { y[start + i] = x[start + i] / total; }
}
